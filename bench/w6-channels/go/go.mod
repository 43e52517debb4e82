module sluice-bench/channels

go 1.22

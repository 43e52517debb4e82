module sluice-bench/threads

go 1.22

module sluice-bench/resp

go 1.22

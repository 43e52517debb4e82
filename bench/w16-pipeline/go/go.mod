module sluice-bench/pipeline

go 1.22

module sluice-bench/parked

go 1.22

module sluice-bench/churn

go 1.22

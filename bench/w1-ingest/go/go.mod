module sluice-bench/ingest

go 1.22

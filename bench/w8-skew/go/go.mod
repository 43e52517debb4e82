module skew

go 1.21

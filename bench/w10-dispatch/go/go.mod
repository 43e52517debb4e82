module dispatch

go 1.21

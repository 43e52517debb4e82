// W8 as a Go program has it: a goroutine for each piece, nine tenths of them started by one of two goroutines.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const steps = 50_000

var sink atomic.Int32

func piece() int64 {
	x := sink.Load() | 1
	for i := 0; i < steps; i++ {
		x ^= x << 13
		x ^= int32(uint32(x) >> 17)
		x ^= x << 5
	}
	sink.Store(x)
	return 1
}

// What a piece takes when nothing is in the way, with both processors busy: the shortest of many, of the slower one.
func probe() float64 {
	const probes, probed = 60, 20
	var all sync.WaitGroup
	var least [2]float64
	for p := range least {
		all.Add(1)
		go func(p int) {
			defer all.Done()
			least[p] = math.Inf(1)
			for i := 0; i < probes; i++ {
				began := time.Now()
				for j := 0; j < probed; j++ {
					piece()
				}
				least[p] = math.Min(least[p], float64(time.Since(began).Nanoseconds())/probed)
			}
		}(p)
	}
	all.Wait()
	return math.Max(least[0], least[1])
}

func run(operations int64) int64 {
	var sum atomic.Int64
	var all sync.WaitGroup
	few := operations / 10
	for _, count := range []int64{few, operations - few} {
		all.Add(1)
		go func(count int64) {
			defer all.Done()
			for i := int64(0); i < count; i++ {
				all.Add(1)
				go func() {
					defer all.Done()
					sum.Add(piece())
				}()
			}
		}(count)
	}
	all.Wait()
	return sum.Load()
}

// Ticks of 10 ms in which a processor had nothing to do: proc(5).
func idleTicks() float64 {
	text, _ := os.ReadFile("/proc/stat")
	fields := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	idle, _ := strconv.ParseFloat(fields[4], 64)
	wait, _ := strconv.ParseFloat(fields[5], 64)
	return idle + wait
}

func cpuNs() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	runtime.GOMAXPROCS(2)
	operations, _ := strconv.ParseInt(os.Args[2], 10, 64)
	run(operations / 10)
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	began := time.Now()
	pieceNs := probe()
	idle, used, from := idleTicks(), cpuNs(), time.Now()
	sum := run(operations)
	elapsed := float64(time.Since(from).Nanoseconds())
	processors := math.Min(2, (cpuNs()-used+(idleTicks()-idle)*1e7)/elapsed)
	idealNs := pieceNs / processors
	fmt.Printf("{\"operations\":%d,\"checksum\":%d,\"elapsedNs\":%d,\"pieceNs\":%f,\"processors\":%f,\"idealNs\":%f,\"overIdeal\":%f}\n",
		operations, sum, time.Since(began).Nanoseconds(), pieceNs, processors, idealNs, elapsed/float64(operations)/idealNs)
}

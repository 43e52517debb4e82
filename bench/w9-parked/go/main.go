// Goroutines that wait to receive. Says `empty`, waits for a line, parks COUNT goroutines, says `parked`, waits for a
// line, sends each a value, and says what they added up to.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
)

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	input := bufio.NewReader(os.Stdin)
	settle := func(word string) {
		debug.FreeOSMemory()
		fmt.Println(word)
		input.ReadString('\n')
	}
	settle("empty")
	values := make(chan int)
	var sum, started atomic.Int64
	var all sync.WaitGroup
	for i := 0; i < count; i++ {
		all.Add(1)
		go func() {
			started.Add(1)
			sum.Add(int64(<-values))
			all.Done()
		}()
	}
	for started.Load() < int64(count) {
		runtime.Gosched()
	}
	settle("parked")
	for i := 0; i < count; i++ {
		values <- i
	}
	all.Wait()
	fmt.Println(sum.Load())
}

// A RESP server in Go: one goroutine a connection, its data in a map under a lock. Answers are flushed when the buffer
// holds no further request, so a pipeline costs one write.
//
//	resp [PORT]
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

var (
	errProtocol = errors.New("not a RESP request")

	mu    sync.RWMutex
	store = map[string][]byte{}
)

func readNumber(r *bufio.Reader, prefix byte) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 4 || line[0] != prefix {
		return 0, errProtocol
	}
	n := 0
	for _, digit := range line[1 : len(line)-2] {
		n = n*10 + int(digit-'0')
	}
	return n, nil
}

// request holds the arguments of one request in one buffer, used again for the next.
type request struct {
	bytes []byte
	ends  []int
}

func (q *request) arg(i int) []byte {
	start := 0
	if i > 0 {
		start = q.ends[i-1] + len("\r\n")
	}
	return q.bytes[start:q.ends[i]]
}

func (q *request) read(r *bufio.Reader) error {
	q.bytes, q.ends = q.bytes[:0], q.ends[:0]
	count, err := readNumber(r, '*')
	if err != nil {
		return err
	}
	for range count {
		length, err := readNumber(r, '$')
		if err != nil {
			return err
		}
		start := len(q.bytes)
		q.bytes = append(q.bytes, make([]byte, length+len("\r\n"))...)
		if _, err := io.ReadFull(r, q.bytes[start:]); err != nil {
			return err
		}
		q.ends = append(q.ends, start+length)
	}
	if len(q.ends) == 0 {
		return errProtocol
	}
	return nil
}

func execute(q *request, w *bufio.Writer) {
	switch name := q.arg(0); {
	case len(q.ends) == 2 && strings.EqualFold(string(name), "GET"):
		mu.RLock()
		value, ok := store[string(q.arg(1))]
		mu.RUnlock()
		if !ok {
			w.WriteString("$-1\r\n")
			return
		}
		w.WriteByte('$')
		w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(len(value)), 10))
		w.WriteString("\r\n")
		w.Write(value)
		w.WriteString("\r\n")
	case len(q.ends) >= 3 && strings.EqualFold(string(name), "SET"):
		value := append([]byte(nil), q.arg(2)...)
		mu.Lock()
		store[string(q.arg(1))] = value
		mu.Unlock()
		w.WriteString("+OK\r\n")
	case strings.EqualFold(string(name), "PING"):
		w.WriteString("+PONG\r\n")
	case strings.EqualFold(string(name), "CONFIG"):
		w.WriteString("*0\r\n")
	default:
		fmt.Fprintf(w, "-ERR unknown command '%s'\r\n", name)
	}
}

func serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64*1024)
	w := bufio.NewWriterSize(conn, 64*1024)
	var q request
	for {
		if err := q.read(r); err != nil {
			return
		}
		execute(&q, w)
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}

func main() {
	port := "0"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn)
	}
}

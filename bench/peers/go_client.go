// Go's net/http client: go_client URL IN_FLIGHT BODY_BYTES ANSWER_BYTES WARM_UP_MS DURATION_MS. Prints its result.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type result struct {
	Requests      int64   `json:"requests"`
	Seconds       float64 `json:"seconds"`
	UserSeconds   float64 `json:"userSeconds"`
	SystemSeconds float64 `json:"systemSeconds"`
	P50Us         float64 `json:"p50Us"`
	P99Us         float64 `json:"p99Us"`
}

func number(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		panic(err)
	}
	return value
}

func cpu() (float64, float64) {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	seconds := func(value syscall.Timeval) float64 { return float64(value.Sec) + float64(value.Usec)/1e6 }
	return seconds(usage.Utime), seconds(usage.Stime)
}

func send(client *http.Client, url string, body []byte, wanted int64) {
	method, reader := "GET", io.Reader(nil)
	if len(body) > 0 {
		method, reader = "POST", bytes.NewReader(body)
	}
	request, err := http.NewRequest(method, url, reader)
	if err != nil {
		panic(err)
	}
	response, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	count, err := io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil || count != wanted {
		panic(fmt.Sprint("an answer of ", count, " bytes: ", err))
	}
}

func main() {
	url, inFlight, wanted := os.Args[1], number(2), int64(number(4))
	body := bytes.Repeat([]byte("a"), number(3))
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight, MaxIdleConns: inFlight, DisableCompression: true}
	client := &http.Client{Transport: transport}
	var requests atomic.Int64
	var measuring, stops atomic.Bool
	var lock sync.Mutex
	var latencies []float64
	for count := 0; count < inFlight; count++ {
		go func() {
			for turn := 0; !stops.Load(); turn++ {
				before := time.Now()
				send(client, url, body, wanted)
				requests.Add(1)
				if turn%8 == 0 && measuring.Load() {
					lock.Lock()
					latencies = append(latencies, float64(time.Since(before).Nanoseconds())/1e3)
					lock.Unlock()
				}
			}
		}()
	}
	time.Sleep(time.Duration(number(5)) * time.Millisecond)
	measuring.Store(true)
	start, before := time.Now(), requests.Load()
	user, system := cpu()
	time.Sleep(time.Duration(number(6)) * time.Millisecond)
	userEnd, systemEnd := cpu()
	told := result{Requests: requests.Load() - before, Seconds: time.Since(start).Seconds()}
	told.UserSeconds, told.SystemSeconds = userEnd-user, systemEnd-system
	stops.Store(true)
	lock.Lock()
	sort.Float64s(latencies)
	if len(latencies) > 0 {
		told.P50Us = latencies[len(latencies)/2]
		told.P99Us = latencies[len(latencies)*99/100]
	}
	_ = json.NewEncoder(os.Stdout).Encode(told)
}

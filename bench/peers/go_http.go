// Go's net/http: go_http KIND ANSWER_FILE. Prints its port.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

type item struct {
	Id    int      `json:"id"`
	Name  string   `json:"name"`
	Price int      `json:"price"`
	Tags  []string `json:"tags"`
}

type page struct {
	Title string `json:"title"`
	Items []item `json:"items"`
	Rest  string `json:"rest"`
}

type found struct {
	Path string `json:"path"`
	Name string `json:"name"`
	Id   string `json:"id"`
}

func answer(writer http.ResponseWriter, mediaType string, body []byte) {
	writer.Header().Set("Content-Type", mediaType)
	writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = writer.Write(body)
}

func answerJson(writer http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(writer, "", http.StatusInternalServerError)
		return
	}
	answer(writer, "application/json", body)
}

func work(writer http.ResponseWriter, request *http.Request) {
	answerJson(writer, found{request.URL.Path, request.URL.Query().Get("name"), request.Header.Get("X-Request-Id")})
}

func upload(writer http.ResponseWriter, request *http.Request) {
	count, err := io.Copy(io.Discard, request.Body)
	if err != nil {
		http.Error(writer, "", http.StatusBadRequest)
		return
	}
	answer(writer, "text/plain;charset=utf-8", []byte(strconv.FormatInt(count, 10)))
}

func handler(kind string, wanted []byte) http.HandlerFunc {
	switch kind {
	case "work":
		return work
	case "upload":
		return upload
	case "json":
		var value page
		if err := json.Unmarshal(wanted, &value); err != nil {
			panic(err)
		}
		return func(writer http.ResponseWriter, _ *http.Request) { answerJson(writer, value) }
	case "hello":
		return func(writer http.ResponseWriter, _ *http.Request) { answer(writer, "text/plain;charset=utf-8", wanted) }
	}
	return func(writer http.ResponseWriter, _ *http.Request) { answer(writer, "application/octet-stream", wanted) }
}

func main() {
	wanted, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, handler(os.Args[1], wanted)))
}

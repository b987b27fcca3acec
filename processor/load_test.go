package processor_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// The client process is this test binary again, told so by its environment.
const (
	loadAddress = "PROCESSOR_LOAD_ADDRESS"
	loadMode    = "PROCESSOR_LOAD_MODE"

	loadConnections = 2
	loadInFlight    = 50
	loadStreams     = 20_000
	loadWarmUp      = 4_000
)

func TestMain(m *testing.M) {
	if address := os.Getenv(loadAddress); address != "" {
		if err := runMode(address, os.Getenv(loadMode), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runMode(address, mode string, in io.Reader, out io.Writer) error {
	if shape, ok := reportShapes[mode]; ok {
		return runReports(address, shape, in, out)
	}
	return runLoad(address, mode == "observability", in, out)
}

// runLoad opens streams, first some to warm up, then, when told to, those that count; it says when either is done.
func runLoad(address string, observability bool, in io.Reader, out io.Writer) error {
	message := &extprocv3.ProcessingRequest{}
	if err := loadMessage(message, observability); err != nil {
		return err
	}
	var connections []*grpc.ClientConn
	for range loadConnections {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		defer conn.Close()
		connections = append(connections, conn)
	}
	if err := burst(connections, message, loadWarmUp); err != nil {
		return err
	}
	fmt.Fprintln(out, "warm")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	if err := burst(connections, message, loadStreams); err != nil {
		return err
	}
	fmt.Fprintln(out, "done")
	return nil
}

// burst makes the given number of streams, with loadInFlight at a time on each connection.
func burst(connections []*grpc.ClientConn, message *extprocv3.ProcessingRequest, streams int) error {
	var all sync.WaitGroup
	workers := len(connections) * loadInFlight
	faults := make(chan error, workers)
	for i := range workers {
		all.Go(func() {
			for range streams / workers {
				if err := oneStream(connections[i%len(connections)], message); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(faults)
	return <-faults
}

// oneStream sends the message and, in ordinary mode, takes the answer and half-closes; it sees the stream end well.
func oneStream(conn *grpc.ClientConn, message *extprocv3.ProcessingRequest) error {
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(context.Background())
	if err != nil {
		return err
	}
	if err := stream.Send(message); err != nil {
		return err
	}
	if !message.GetObservabilityMode() {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
	}
	if _, err := stream.Recv(); err != io.EOF { //nolint:errorlint // io.EOF is returned bare
		return fmt.Errorf("the stream ended with %w", err)
	}
	return nil
}

// loadMessage is a 503 with ten headers, as large as Envoy's when headers are not filtered.
func loadMessage(m *extprocv3.ProcessingRequest, observability bool) error {
	pairs := []string{":status", "503"}
	for i := range 9 {
		pairs = append(pairs, fmt.Sprintf("x-header-%d", i), strings.Repeat("v", 12))
	}
	m.Request = responseHeaders(pairs...).GetRequest()
	m.ObservabilityMode = observability
	s, err := structpb.NewStruct(attributes(nil))
	m.Attributes = map[string]*structpb.Struct{attributesKey: s}
	return err
}

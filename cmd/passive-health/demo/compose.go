package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// reportPeriod is how often the client of a container says how it goes.
const reportPeriod = 10 * time.Second

// probeTimeout bounds a probe.
const probeTimeout = 2 * time.Second

// Upstream runs one host on listen ("ip:port") until ctx ends. It is broken and mended at control, under its name. Both
// addresses are told to out.
func Upstream(ctx context.Context, out io.Writer, listen, control, name, behaviour string) error {
	host, err := upstream.Start(listen)
	if err != nil {
		return err //nolint:wrapcheck // it says which address
	}
	defer host.Stop()
	if err := behave(host, behaviour); err != nil {
		return err
	}
	c, err := startControl(ctx, control, map[string]*upstream.Host{name: host})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s answers on %s, its control on %s\n", name, host.Addr(), c.address)
	<-ctx.Done()
	return c.stop()
}

// Client sends rate requests a second to each URL until ctx ends. Every ten seconds, and at the end, it says how many
// failed.
func Client(ctx context.Context, out io.Writer, rate int, urls []string) error {
	if rate < 1 {
		return fmt.Errorf("rate: %d is not 1 or more", rate)
	}
	clients := make(map[string]*load.Client)
	for _, url := range urls {
		clients[url] = load.Start(ctx, url, rate)
		defer clients[url].Stop()
	}
	ticks := time.NewTicker(reportPeriod)
	defer ticks.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
		for _, url := range urls {
			total, failed := clients[url].Counts()
			fmt.Fprintf(out, "%s: %d of %d requests failed\n", url, failed, total)
		}
	}
	return nil
}

// Probe asks a URL once; nil means that it answered 200.
func Probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("probing: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("probing: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("probing %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", url, errors.New(response.Status))
	}
	return nil
}

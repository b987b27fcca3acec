package envoy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

var errNotReady = errors.New("not ready")

// awaitReady returns when Envoy serves, with its addresses set.
func (p *Process) awaitReady(ctx context.Context, adminFile string) error {
	ticks := time.NewTicker(readyPeriod)
	defer ticks.Stop()
	for {
		err := p.lookReady(ctx, adminFile)
		if !errors.Is(err, errNotReady) {
			return err
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%w: %s", p.exitError(), p.lastLog())
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		case <-ticks.C:
		}
	}
}

// lookReady looks once; errNotReady says to look again.
func (p *Process) lookReady(ctx context.Context, adminFile string) error {
	address, err := os.ReadFile(adminFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(address) == 0 {
		return fmt.Errorf("%w: no admin interface", errNotReady)
	}
	if err != nil {
		return fmt.Errorf("reading Envoy's admin address: %w", err)
	}
	p.admin = strings.TrimSpace(string(address))
	if _, err := p.Admin(ctx, "/ready"); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	p.listener, err = p.firstListener(ctx)
	return err
}

// firstListener asks for the address of the first listener, whose port the kernel may have chosen.
func (p *Process) firstListener(ctx context.Context) (string, error) {
	var answer struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    uint16 `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := p.adminJSON(ctx, "/listeners?format=json", &answer); err != nil {
		return "", err
	}
	if len(answer.Statuses) == 0 {
		return "", nil // a configuration without listeners is allowed
	}
	socket := answer.Statuses[0].Address.Socket
	return net.JoinHostPort(socket.Address, strconv.Itoa(int(socket.Port))), nil
}

// lastLog returns the end of Envoy's log, for the error of a start that failed.
func (p *Process) lastLog() string {
	const most = 2000
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data[max(0, len(data)-most):]))
}

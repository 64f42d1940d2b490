//go:build linux

package scrape

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// resolver answers each question with the address that address returns, and that no
// time is to be kept.
func resolver(t testing.TB, address func() netip.Addr) *net.Resolver {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	go func() {
		for {
			question := make([]byte, 1500)
			n, from, err := c.ReadFrom(question)
			if err != nil {
				return
			}
			name := bytes.IndexByte(question[12:n], 0) + 13 // its end
			answer := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[12:name+4]...)
			if question[name+1] == 1 { // an A record is asked for
				answer[7] = 1
				a := address().As4()
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, a[0], a[1], a[2], a[3])
			}
			c.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// A name that first leads to an allowed server and then inside is refused, also when
// robots.txt and earlier pictures came from the first.
func TestAnAddressIsCheckedWhenItIsConnectedTo(t *testing.T) {
	outside := newSite(t)
	_, port, err := net.SplitHostPort(outside.Listener.Addr().String())
	require.NoError(t, err)
	var reached atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	require.NoError(t, err)
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	inside.Listener.Close()
	inside.Listener = l
	inside.Start()
	defer inside.Close()

	o := once()
	o.AllowPrivate = []string{"127.0.0.1"}
	f, err := newFetcher(o)
	require.NoError(t, err)
	defer f.close()
	var asked atomic.Int32
	var changed atomic.Bool
	f.dialer.Resolver = resolver(t, func() netip.Addr {
		asked.Add(1)
		if changed.Load() {
			return netip.MustParseAddr("127.0.0.2")
		}
		return netip.MustParseAddr("127.0.0.1")
	})
	for n := range 2 {
		f.close() // no connection is kept
		changed.Store(n > 0)
		err := f.get(t.Context(), "http://changing.example:"+port+"/p/"+strconv.Itoa(n)+".jpg", new(bytes.Buffer))
		if !changed.Load() {
			require.NoError(t, err)
			continue
		}
		var refusal *Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, PrivateAddress, refusal.Reason)
	}
	require.GreaterOrEqual(t, asked.Load(), int32(2))
	require.Zero(t, reached.Load())
}

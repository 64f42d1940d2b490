package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/internal/picture"
)

// A predictorFunc is a Predictor.
type predictorFunc func(ctx context.Context, data []byte) ([]argus.Prediction, error)

func (f predictorFunc) PredictReader(ctx context.Context, r io.Reader) ([]argus.Prediction, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return f(ctx, data)
}

// cat says cat to every picture that can be decoded.
var cat = predictorFunc(func(_ context.Context, data []byte) ([]argus.Prediction, error) {
	if _, err := picture.Decode(data, picture.Limits{}); err != nil {
		return nil, fmt.Errorf("argus: predict: %w", err)
	}
	return []argus.Prediction{{Label: "cat", Probability: .75}, {Label: "dog", Probability: .125}, {Label: "rat", Probability: .125}}, nil
})

const catAnswer = `{"predictions":[{"label":"cat","probability":0.75},{"label":"dog","probability":0.125},{"label":"rat","probability":0.125}],"success":true}`

func pngOf(w, h int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)))
	return b.Bytes()
}

func jpegOf(w, h int) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil)
	return b.Bytes()
}

// form is a multipart body with the given fields, and its content type.
func form(fields ...any) (string, []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		part, _ := w.CreateFormFile(fields[i].(string), "picture")
		_, _ = part.Write(fields[i+1].([]byte))
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func start(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// post returns the status and the body of the answer, which must be the JSON
// of every answer.
func post(t *testing.T, url, kind string, body []byte) (int, string) {
	t.Helper()
	r, err := http.Post(url, kind, bytes.NewReader(body))
	require.NoError(t, err)
	return r.StatusCode, read(t, r)
}

func read(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(body, &fields), "%s", body)
	require.Len(t, fields, 2)
	require.Equal(t, r.StatusCode == http.StatusOK, fields["success"])
	if r.StatusCode != http.StatusOK {
		require.NotEmpty(t, fields["error"])
	}
	return string(body)
}

func TestAnswersInTheOldSystemsJSON(t *testing.T) {
	url := start(t, Handler(cat))
	kind, body := form("note", []byte("a field before"), "img", jpegOf(8, 8), "more", make([]byte, 1000))
	for name, send := range map[string]struct {
		kind string
		body []byte
	}{
		"form":                    {kind, body},
		"body":                    {"image/png", pngOf(8, 8)},
		"body without a type":     {"", pngOf(8, 8)},
		"body as curl -d says it": {"application/x-www-form-urlencoded", pngOf(8, 8)},
	} {
		status, answer := post(t, url, send.kind, send.body)
		require.Equal(t, http.StatusOK, status, name)
		require.Equal(t, catAnswer, answer, name)
	}
}

func TestTopCutsTheAnswer(t *testing.T) {
	status, answer := post(t, start(t, New(cat, Options{Top: 1})), "", pngOf(8, 8))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `{"predictions":[{"label":"cat","probability":0.75}],"success":true}`, answer)

	nothing := predictorFunc(func(context.Context, []byte) ([]argus.Prediction, error) { return nil, nil })
	_, answer = post(t, start(t, Handler(nothing)), "", pngOf(8, 8))
	require.Equal(t, `{"predictions":[],"success":true}`, answer)
}

func TestEveryRefusalHasItsStatusAndSaysWhy(t *testing.T) {
	url := start(t, New(cat, Options{MaxBytes: 100_000, MaxPixels: 10_000}))
	kind, ok := form("img", pngOf(8, 8))
	wrongKind, wrongField := form("image", pngOf(8, 8))
	longKind, long := form("img", make([]byte, 100_001))
	emptyKind, empty := form("img", []byte{})
	bigKind, big := form("rest", make([]byte, formBytes+100_001), "img", pngOf(8, 8))
	for name, c := range map[string]struct {
		kind   string
		body   []byte
		status int
		says   string
	}{
		"no body":             {"image/png", nil, 400, "picture is empty"},
		"empty field":         {emptyKind, empty, 400, "picture is empty"},
		"wrong field":         {wrongKind, wrongField, 400, `form has no field \"img\"`},
		"form cut short":      {kind, ok[:len(ok)-30], 400, "unexpected EOF"},
		"form without bounds": {"multipart/form-data", ok, 400, "boundary"},
		"other bounds":        {"multipart/form-data; boundary=x", ok, 400, "EOF"},
		"file too long":       {"", make([]byte, 100_001), 413, "limit of 100000"},
		"field too long":      {longKind, long, 413, "limit of 100000"},
		"form too long":       {bigKind, big, 413, "longer than 1148576 bytes"},
		"too many pixels":     {"", pngOf(200, 51), 413, "200×51"},
		"a bomb":              {"", bombPNG(50_000, 50_000), 413, "50000×50000"},
		"text":                {"image/jpeg", []byte("this is no picture"), 415, "not a picture"},
		"JPEG cut short":      {"", jpegOf(64, 64)[:400], 422, "damaged: jpeg"},
		"PNG without pixels":  {"", bombPNG(50, 50), 422, "damaged: png"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := post(t, url, c.kind, c.body)
			require.Equal(t, c.status, status, answer)
			require.Contains(t, answer, c.says)
		})
	}
}

// A body of unknown length is stopped where it becomes too long.
func TestAStreamWithoutLengthIsBounded(t *testing.T) {
	url := start(t, New(cat, Options{MaxBytes: 1000}))
	var sent atomic.Int64
	endless := readerFunc(func(p []byte) (int, error) {
		sent.Add(int64(len(p)))
		return len(p), nil
	})
	r, err := http.Post(url, "image/png", endless)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, r.StatusCode)
	require.Contains(t, read(t, r), "limit of 1000")
	require.Less(t, sent.Load(), int64(100<<20))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// bombPNG is a picture of w×h grey pixels that has only one of them.
func bombPNG(w, h int) []byte {
	data := bytes.Clone(pngOf(1, 1))
	binary.BigEndian.PutUint32(data[16:], uint32(w))
	binary.BigEndian.PutUint32(data[20:], uint32(h))
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func TestOtherMethodsAreToldWhatIsAllowed(t *testing.T) {
	url := start(t, Handler(cat))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		request, err := http.NewRequest(method, url, nil)
		require.NoError(t, err)
		r, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
		require.Equal(t, "POST, OPTIONS", r.Header.Get("Allow"))
		require.Contains(t, read(t, r), "method is "+method)
	}
}

func TestPreflightOpensToEveryOrigin(t *testing.T) {
	request, err := http.NewRequest("OPTIONS", start(t, Handler(cat)), nil)
	require.NoError(t, err)
	request.Header.Set("Origin", "https://elsewhere.example")
	request.Header.Set("Access-Control-Request-Method", "POST")
	r, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, http.StatusNoContent, r.StatusCode)
	require.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "POST, OPTIONS", r.Header.Get("Access-Control-Allow-Methods"))
	require.Equal(t, "Content-Type", r.Header.Get("Access-Control-Allow-Headers"))
}

func TestManyClientsAtOnceGetTheirOwnAnswers(t *testing.T) {
	var now, most atomic.Int64
	side := predictorFunc(func(_ context.Context, data []byte) ([]argus.Prediction, error) {
		for n := now.Add(1); n > most.Load(); {
			most.Store(n)
		}
		defer now.Add(-1)
		img, err := picture.Decode(data, picture.Limits{})
		if err != nil {
			return nil, err
		}
		return []argus.Prediction{{Label: fmt.Sprint(img.W), Probability: 1}}, nil
	})
	url := start(t, New(side, Options{Concurrent: 3}))
	var clients sync.WaitGroup
	for w := 1; w <= 32; w++ {
		clients.Go(func() {
			kind, body := form("img", pngOf(w, 4))
			for range 4 {
				r, err := http.Post(url, kind, bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				answer, _ := io.ReadAll(r.Body)
				r.Body.Close()
				if !strings.Contains(string(answer), fmt.Sprintf(`"label":"%d"`, w)) {
					t.Errorf("width %d: %s", w, answer)
				}
			}
		})
	}
	clients.Wait()
	require.LessOrEqual(t, most.Load(), int64(3))
	require.Zero(t, now.Load())
}

// A client that sends half a body and waits is sent away, and the next one on
// the same handler is served.
func TestASlowBodyRunsOutOfTime(t *testing.T) {
	url := start(t, New(cat, Options{BodyTimeout: 50 * time.Millisecond}))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	answer, err := io.ReadAll(conn) // until the server hangs up
	require.NoError(t, err)
	require.Contains(t, string(answer), "HTTP/1.1 408 ")
	require.Contains(t, string(answer), `"success":false`)

	status, _ := post(t, url, "", pngOf(8, 8))
	require.Equal(t, http.StatusOK, status)
}

// The deadline is of the body alone.
func TestASlowPredictionOutlivesTheBodysDeadline(t *testing.T) {
	slow := predictorFunc(func(ctx context.Context, _ []byte) ([]argus.Prediction, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(150 * time.Millisecond):
			return nil, nil
		}
	})
	url := start(t, New(slow, Options{BodyTimeout: 30 * time.Millisecond}))
	for range 2 {
		status, answer := post(t, url, "", pngOf(8, 8))
		require.Equal(t, http.StatusOK, status, answer)
	}
}

func TestABodyThatEndsEarlyIsABadRequest(t *testing.T) {
	url := start(t, Handler(cat))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "HTTP/1.1 400 ")
	require.Contains(t, string(answer), "unexpected EOF")
}

// waiting predicts only when its context ends.
type waiting struct{ begun, ended chan struct{} }

func (w waiting) PredictReader(ctx context.Context, _ io.Reader) ([]argus.Prediction, error) {
	w.begun <- struct{}{}
	<-ctx.Done()
	w.ended <- struct{}{}
	return nil, fmt.Errorf("argus: predict: %w", ctx.Err())
}

func TestAClientThatLeavesCancelsItsPrediction(t *testing.T) {
	w := waiting{make(chan struct{}, 1), make(chan struct{}, 1)}
	failed := func(r *http.Request, err error) { t.Errorf("a cancelled request is no failure: %v", err) }
	url := start(t, New(w, Options{}, Hooks{Failed: failed}))
	for _, multi := range []bool{false, true} {
		kind, body := "", pngOf(8, 8)
		if multi {
			kind, body = form("img", body, "more", make([]byte, 100_000))
		}
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", kind)
		go func() { <-w.begun; cancel() }()
		_, err = http.DefaultClient.Do(request)
		require.ErrorIs(t, err, context.Canceled)
		<-w.ended
	}
}

// A request whose deadline passes, in the predictor or while it waits for its
// turn, is answered with 503.
func TestADeadlineIsServiceUnavailable(t *testing.T) {
	w := waiting{make(chan struct{}, 1), make(chan struct{}, 1)}
	h := New(w, Options{Concurrent: 1})
	send := func(ctx context.Context) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "POST", "/classify", bytes.NewReader(pngOf(8, 8))))
		return rec
	}
	long, end := context.WithCancel(t.Context())
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- send(long) }()
	<-w.begun // and holds the only turn

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Equal(t, http.StatusServiceUnavailable, send(short).Code)
	require.Empty(t, w.begun, "the second never began")
	end()
	require.Equal(t, http.StatusServiceUnavailable, (<-first).Code)
}

func TestFailuresGoToTheHookAndNotToTheClient(t *testing.T) {
	secret := errors.New("weights of lite0: open /srv/secret: no such file")
	for name, p := range map[string]predictorFunc{
		"error": func(context.Context, []byte) ([]argus.Prediction, error) { return nil, secret },
		"panic": func(context.Context, []byte) ([]argus.Prediction, error) { panic(secret) },
		"not a number": func(context.Context, []byte) ([]argus.Prediction, error) {
			return []argus.Prediction{{Label: "secret", Probability: math.NaN()}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			url := start(t, New(p, Options{}, Hooks{Failed: func(_ *http.Request, err error) { got = err }}))
			status, answer := post(t, url, "", pngOf(8, 8))
			require.Equal(t, http.StatusInternalServerError, status)
			require.Equal(t, `{"success":false,"error":"serve: internal error"}`, answer)
			require.Error(t, got)
			if name != "not a number" {
				require.ErrorContains(t, got, secret.Error())
			}
		})
	}
	status, _ := post(t, start(t, Handler(predictorFunc(func(context.Context, []byte) ([]argus.Prediction, error) { panic("no hook") }))), "", pngOf(8, 8))
	require.Equal(t, http.StatusInternalServerError, status)
}

package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"cloud.google.com/go/storage"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/tfrecord"
)

// flaky fails every third request while it is on, in turn: with an error of the
// server; by closing the connection once all is done, but half the answer sent; by closing it before
// anything is done.
type flaky struct {
	http.Handler
	on       atomic.Bool
	requests atomic.Int64
	failures [3]atomic.Int64
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := f.requests.Add(1)
	if !f.on.Load() || n%3 != 0 {
		f.Handler.ServeHTTP(w, r)
		return
	}
	kind := n / 3 % 3
	f.failures[kind].Add(1)
	switch kind {
	case 0:
		w.WriteHeader(http.StatusServiceUnavailable)
	case 1:
		answer := httptest.NewRecorder()
		f.Handler.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		maps.Copy(w.Header(), answer.Header())
		if r.Method != http.MethodHead {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2])
		if len(body) > 0 {
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	default:
		panic(http.ErrAbortHandler)
	}
}

var quick = Options{Delay: time.Millisecond}

// server is a provider's stand-in and how a bucket of it is opened.
type server struct {
	*flaky
	open func(t *testing.T, folder string) *Bucket
}

func opened(t *testing.T, address string) *Bucket {
	t.Helper()
	b, err := Open(t.Context(), address, quick)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// serve starts handler on loopback, as one that can be made to fail.
func serve(t *testing.T, handler http.Handler) (*flaky, string) {
	t.Helper()
	f := &flaky{Handler: handler}
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = nil
	s.Start()
	t.Cleanup(s.Close)
	return f, s.URL
}

// s3Server's buckets do not try again by themselves, which would be slow, and
// hide whether we do.
func s3Server(t *testing.T) server {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("bucket"))
	f, address := serve(t, gofakes3.New(backend).Server())
	client := s3.New(s3.Options{
		BaseEndpoint: &address, Region: "us-east-1", UsePathStyle: true, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	return server{f, func(t *testing.T, folder string) *Bucket {
		t.Helper()
		all, err := s3blob.OpenBucket(t.Context(), client, "bucket", nil)
		require.NoError(t, err)
		t.Cleanup(func() { all.Close() })
		return New(t.Context(), blob.PrefixedBucket(all, folder+"/"), quick)
	}}
}

func gcsServer(t *testing.T) server {
	t.Helper()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, ExternalURL: "http://127.0.0.1", PublicHost: "127.0.0.1"})
	require.NoError(t, err)
	fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "bucket"})
	f, address := serve(t, fake.HTTPHandler())
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(address, "http://"))
	return server{f, func(t *testing.T, folder string) *Bucket {
		t.Helper()
		b := opened(t, "gs://bucket/"+folder)
		var client *storage.Client
		require.True(t, b.blob.As(&client))
		client.SetRetry(storage.WithPolicy(storage.RetryNever))
		return b
	}}
}

func fileServer(t *testing.T) server {
	t.Helper()
	dir := t.TempDir()
	return server{&flaky{}, func(t *testing.T, folder string) *Bucket {
		return opened(t, "file://"+filepath.ToSlash(dir)+"?no_tmp_dir=true&metadata=skip&prefix="+folder+"/")
	}}
}

func memServer(t *testing.T) server {
	t.Helper()
	all, err := blob.OpenBucket(t.Context(), "mem://")
	require.NoError(t, err)
	t.Cleanup(func() { all.Close() })
	return server{&flaky{}, func(t *testing.T, folder string) *Bucket {
		return New(t.Context(), blob.PrefixedBucket(all, folder+"/"), quick)
	}}
}

// servers runs a test on each kind.
func servers(t *testing.T, test func(t *testing.T, s server)) {
	kinds := map[string]func(*testing.T) server{"s3": s3Server, "gs": gcsServer, "file": fileServer, "mem": memServer}
	if azurite != "" {
		kinds["azblob"] = azureServer
	}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func put(t *testing.T, b *Bucket, name string, data []byte) {
	t.Helper()
	p, err := b.Create(t.Context(), name)
	require.NoError(t, err)
	_, err = p.Write(data)
	require.NoError(t, err)
	require.NoError(t, p.Commit(t.Context(), name))
}

func TestABucketIsAFileSystem(t *testing.T) {
	servers(t, func(t *testing.T, s server) {
		b := s.open(t, "photos")
		for _, name := range []string{"a.jpg", "cat/1.jpg", "cat/2.jpg", "cat/deep/3.jpg", "dog.x/ünï code.jpg"} {
			put(t, b, name, []byte("content of "+name))
		}
		put(t, b, "empty", nil)
		fresh := s.open(t, "photos")
		require.NoError(t, fstest.TestFS(fresh, "a.jpg", "cat/1.jpg", "cat/2.jpg", "cat/deep/3.jpg", "dog.x/ünï code.jpg", "empty"))
		_, err := fresh.Open("none")
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = fresh.ReadDir("none")
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = s.open(t, "elsewhere").Open("a.jpg")
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestObjectsAreReadInPartsAndWhole(t *testing.T) {
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	servers(t, func(t *testing.T, s server) {
		b := s.open(t, "x")
		put(t, b, "data", data)
		s.on.Store(true)
		for range 10 {
			f, err := b.Open("data")
			require.NoError(t, err)
			got, err := io.ReadAll(f)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
			part := make([]byte, 5000)
			for _, at := range []int64{0, 7, 40_000, 95_000} {
				n, err := f.(io.ReaderAt).ReadAt(part, at)
				require.NoError(t, err)
				require.Equal(t, data[at:at+5000], part[:n])
			}
			n, err := f.(io.ReaderAt).ReadAt(part, 99_000)
			require.Equal(t, io.EOF, err)
			require.Equal(t, data[99_000:], part[:n])
			_, err = f.(io.ReaderAt).ReadAt(part, 1e6)
			require.Equal(t, io.EOF, err)
			_, err = f.(io.ReaderAt).ReadAt(part, -1)
			require.Error(t, err)
			require.NoError(t, f.Close())
		}
	})
}

func TestMovesAndRemovalsMayBeDoneAgain(t *testing.T) {
	servers(t, func(t *testing.T, s server) {
		b := s.open(t, "x")
		put(t, b, "a", []byte("content"))
		for range 2 {
			require.NoError(t, b.Move(t.Context(), "a", "sub/b"))
			got, err := fs.ReadFile(b, "sub/b")
			require.NoError(t, err)
			require.Equal(t, "content", string(got))
			_, err = b.Open("a")
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		for range 2 {
			require.NoError(t, b.Remove(t.Context(), "sub/b"))
		}
		require.ErrorIs(t, b.Move(t.Context(), "a", "sub/b"), fs.ErrNotExist)
	})
}

func TestADiscardedObjectNeverWas(t *testing.T) {
	for _, spool := range []string{"", t.TempDir()} {
		b, err := Open(t.Context(), "mem://", Options{SpoolDir: spool})
		require.NoError(t, err)
		p, err := b.Create(t.Context(), "a")
		require.NoError(t, err)
		_, err = p.Write([]byte("content"))
		require.NoError(t, err)
		p.Discard()
		_, err = b.Open("a")
		require.ErrorIs(t, err, fs.ErrNotExist)
		put(t, b, "a", []byte("content"))
		require.NoError(t, b.Close())
		if spool != "" {
			left, err := os.ReadDir(spool)
			require.NoError(t, err)
			require.Empty(t, left)
		}
	}
}

// pictures are JPEGs in the folders of two classes.
func pictures(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		m := image.NewGray(image.Rect(0, 0, 40, 30))
		for k := range m.Pix {
			m.Pix[k] = uint8(k*i + k>>3)
		}
		m.SetGray(0, 0, color.Gray{uint8(i)})
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			panic(err)
		}
		files[fmt.Sprintf("%s/%s/%02d.jpg", []string{"train", "val"}[i%4/3], []string{"cat", "dog"}[i%2*(1-i%8/7)], i)] = &fstest.MapFile{Data: b.Bytes()}
	}
	return files
}

// objects are all objects of a bucket and their content.
func objects(t *testing.T, b fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, fs.WalkDir(b, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(b, name)
		all[name] = string(data)
		return err
	}))
	return all
}

// TestABucketThatFailsEveryThirdRequestEndsWithTheSameObjects reads pictures from
// a bucket and writes shards to it.
func TestABucketThatFailsEveryThirdRequestEndsWithTheSameObjects(t *testing.T) {
	files := pictures(32)
	photos, err := argus.OpenDatasetFS(files)
	require.NoError(t, err)
	o := tfrecord.ImageOptions{ShardBytes: 5000, Path: true}
	local := t.TempDir()
	_, err = tfrecord.WriteImages(t.Context(), photos, local, o)
	require.NoError(t, err)
	want := objects(t, os.DirFS(local))
	require.Greater(t, len(want), 10)

	servers(t, func(t *testing.T, s server) {
		source := s.open(t, "photos")
		for name, f := range files {
			put(t, source, name, f.Data)
		}
		s.on.Store(true)
		photos, err := argus.OpenDatasetFS(s.open(t, "photos"))
		require.NoError(t, err)
		require.Equal(t, len(files), photos.Len())
		_, err = tfrecord.WriteImagesTo(t.Context(), photos, s.open(t, "shards"), o)
		require.NoError(t, err)
		records, err := argus.OpenTFRecordsFS(t.Context(), s.open(t, "shards"), argus.TFRecordOptions{})
		require.NoError(t, err)
		require.Equal(t, photos.Counts(), records.Counts())
		report, err := tfrecord.Verify(t.Context(), s.open(t, "shards"), tfrecord.VerifyOptions{Decode: true})
		require.NoError(t, err)
		require.Empty(t, report.Problems)
		s.on.Store(false)
		require.Equal(t, want, objects(t, s.open(t, "shards")))
		if s.Handler != nil {
			for kind := range s.failures {
				require.Greater(t, s.failures[kind].Load(), int64(5))
			}
			t.Logf("%d requests, %d, %d and %d of them failed", s.requests.Load(), s.failures[0].Load(), s.failures[1].Load(), s.failures[2].Load())
		}
	})
}

// stopping yields the pictures of a dataset, which after a few are no longer to be had.
type stopping struct {
	argus.Dataset
	after *atomic.Int64
}

var errStopped = errors.New("network is gone")

func (s stopping) Images() iter.Seq[tfrecord.Image] {
	return func(yield func(tfrecord.Image) bool) {
		for img := range s.Dataset.Images() {
			open := img.Open
			img.Open = func() (fs.File, error) {
				if s.after.Add(-1) < 0 {
					return nil, errStopped
				}
				return open()
			}
			if !yield(img) {
				return
			}
		}
	}
}

func TestAnInterruptedUploadGoesOnWhereItWas(t *testing.T) {
	photos, err := argus.OpenDatasetFS(pictures(32))
	require.NoError(t, err)
	o := tfrecord.ImageOptions{ShardBytes: 5000}
	local := t.TempDir()
	_, err = tfrecord.WriteImages(t.Context(), photos, local, o)
	require.NoError(t, err)
	servers(t, func(t *testing.T, s server) {
		interrupted := 0
		for n := int64(photos.Len()); ; n += 10 {
			var after atomic.Int64
			after.Store(n)
			_, err := tfrecord.WriteImagesTo(t.Context(), stopping{photos, &after}, s.open(t, "shards"), o)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errStopped)
			interrupted++
		}
		require.Greater(t, interrupted, 1)
		require.Equal(t, objects(t, os.DirFS(local)), objects(t, s.open(t, "shards")))
		require.NoError(t, tfrecord.Split(t.Context(), s.open(t, "shards"), tfrecord.SplitOptions{Records: true, Fraction: .5}))
		report, err := tfrecord.Verify(t.Context(), s.open(t, "shards"), tfrecord.VerifyOptions{})
		require.NoError(t, err)
		require.Empty(t, report.Problems)
		require.Equal(t, photos.Len(), report.Records)
	})
}

func TestS3IsOpenedByItsAddress(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("bucket"))
	_, address := serve(t, gofakes3.New(backend).Server())
	b := opened(t, "s3://bucket/photos/cats/?region=us-east-1&use_path_style=true&disable_https=true&endpoint="+url.QueryEscape(address))
	put(t, b, "a.jpg", []byte("content"))
	o, err := backend.GetObject("bucket", "photos/cats/a.jpg", nil)
	require.NoError(t, err)
	require.Equal(t, int64(7), o.Size)
	require.NoError(t, o.Contents.Close())
}

func TestReadingEndsWithItsContextAndGivesUpInTheEnd(t *testing.T) {
	s := s3Server(t)
	put(t, s.open(t, "x"), "a", []byte("content"))
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	before := s.requests.Load()
	_, err := s.open(t, "x").Open("a")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, int64(7), s.requests.Load()-before)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	b := New(ctx, s.open(t, "x").blob, Options{Delay: time.Hour, Retries: 1000})
	start := time.Now()
	_, err = b.Open("a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 10*time.Second)
}

func TestAnObjectReplacedWhileItIsReadIsAnError(t *testing.T) {
	b, err := Open(t.Context(), "mem://", quick)
	require.NoError(t, err)
	put(t, b, "a", []byte("content"))
	f, err := b.Open("a")
	require.NoError(t, err)
	put(t, b, "a", []byte("other content"))
	_, err = io.ReadAll(f)
	require.ErrorIs(t, err, errChanged)
	require.NoError(t, b.Close())
}

func TestAddressesThatAreNoneAreNamed(t *testing.T) {
	for _, address := range []string{"ftp://x", "no url", "://"} {
		_, err := Open(t.Context(), address, Options{})
		require.ErrorContains(t, err, "cloud: ")
	}
}

package cloud

import (
	"net"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

// azurite is the program azurite-blob (npm install azurite), Microsoft's own stand-in.
// Without, nothing is run against Azure's protocol.
var azurite = os.Getenv("ARGUS_AZURITE")

// The account of every azurite, as it is documented.
const (
	azureAccount = "devstoreaccount1"
	azureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// azureServer is azurite behind a proxy that can be made to fail.
func azureServer(t *testing.T) server {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	program := exec.Command(azurite, "--blobHost", "127.0.0.1", "--blobPort", strconv.Itoa(port), "--location", t.TempDir(),
		"--silent", "--skipApiVersionCheck", "--disableTelemetry")
	require.NoError(t, program.Start())
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	})
	behind := &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)}
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", behind.Host)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	f, address := serve(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }})
	key, err := container.NewSharedKeyCredential(azureAccount, azureKey)
	require.NoError(t, err)
	client, err := container.NewClientWithSharedKeyCredential(address+"/"+azureAccount+"/bucket", key,
		&container.ClientOptions{ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}})
	require.NoError(t, err)
	_, err = client.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Setenv("AZURE_STORAGE_ACCOUNT", azureAccount)
	t.Setenv("AZURE_STORAGE_KEY", azureKey)
	return server{f, func(t *testing.T, folder string) *Bucket {
		t.Helper()
		all, err := azureblob.OpenBucket(t.Context(), client, nil)
		require.NoError(t, err)
		t.Cleanup(func() { all.Close() })
		return New(t.Context(), blob.PrefixedBucket(all, folder+"/"), quick)
	}}
}

func TestAzureIsOpenedByItsAddress(t *testing.T) {
	if azurite == "" {
		t.Skip("ARGUS_AZURITE names no azurite-blob")
	}
	s := azureServer(t)
	var client *container.Client
	b := s.open(t, "photos/cats")
	put(t, b, "a.jpg", []byte("content"))
	require.True(t, b.blob.As(&client))
	u, err := url.Parse(client.URL())
	require.NoError(t, err)
	named := opened(t, "azblob://bucket/photos/cats/?protocol=http&domain="+u.Host)
	f, err := named.Open("a.jpg")
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	require.Equal(t, int64(7), info.Size())
	require.NoError(t, f.Close())
}

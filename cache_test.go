package argus

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func hashOf(n int) contentHash { return sha256.Sum256(fmt.Append(nil, n)) }

// vectorOf is what belongs to hashOf(n).
func vectorOf(n, dim int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(n) + float32(i)/7
	}
	return v
}

func openCache(t testing.TB, dir, key string, dim int, limit int64) *featureCache {
	t.Helper()
	c, err := openFeatures(dir, key, dim, limit)
	require.NoError(t, err)
	t.Cleanup(func() { c.close() })
	return c
}

// fillCache keeps the vectors from and following, n of them, in one segment.
func fillCache(t testing.TB, dir, key string, dim, from, n int) {
	t.Helper()
	c := openCache(t, dir, key, dim, 0)
	for i := range n {
		c.put(hashOf(from+i), vectorOf(from+i, dim))
	}
	require.NoError(t, c.close())
}

// hits counts the vectors below n that c has, all of which must be right.
func hits(t testing.TB, c *featureCache, n int) (found int) {
	t.Helper()
	for i := range n {
		if v, ok := c.get(hashOf(i)); ok {
			require.Equal(t, vectorOf(i, c.dim), v, "vector %d", i)
			found++
		}
	}
	return found
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, cacheFolder, "*"+segmentSuffix))
	require.NoError(t, err)
	return files
}

func TestFeaturesComeBackFromDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	c := openCache(t, dir, "key", 5, 0)
	for i := range 20 {
		c.put(hashOf(i), vectorOf(i, 5))
		c.put(hashOf(i), vectorOf(i, 5))
	}
	require.Equal(t, 20, hits(t, c, 30), "before they are on disk")
	require.NoError(t, c.close())
	require.Len(t, segmentFiles(t, dir), 1)

	again := openCache(t, dir, "key", 5, 0)
	require.Equal(t, 20, hits(t, again, 30))
	require.NoError(t, again.close())
	require.Len(t, segmentFiles(t, dir), 1, "nothing new, nothing written")
}

func TestFeaturesAreTheCallersToChange(t *testing.T) {
	c := openCache(t, t.TempDir(), "key", 5, 0)
	v := vectorOf(1, 5)
	c.put(hashOf(1), v)
	v[0] = 99
	got, ok := c.get(hashOf(1))
	require.True(t, ok)
	got[1] = 99
	require.Equal(t, 1, hits(t, c, 2))
}

func TestFeaturesOfAnotherKeyOrLengthAreNotThere(t *testing.T) {
	dir := t.TempDir()
	fillCache(t, dir, "key", 5, 0, 3)
	require.Zero(t, hits(t, openCache(t, dir, "yek", 5, 0), 3))
	require.Zero(t, hits(t, openCache(t, dir, "key", 4, 0), 3))
	c := openCache(t, dir, "key", 5, 0)
	require.Equal(t, 3, hits(t, c, 3))
	c.put(hashOf(7), make([]float32, 4))
	_, ok := c.get(hashOf(7))
	require.False(t, ok, "a vector of another length")
}

func TestASegmentCutAnywhereOrWithAnyByteChangedGivesNothingWrong(t *testing.T) {
	dir := t.TempDir()
	const dim, n = 3, 4
	fillCache(t, dir, "key", dim, 0, n)
	path := segmentFiles(t, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := range whole {
		require.NoError(t, os.WriteFile(path, whole[:at], 0o600))
		require.Less(t, hits(t, openCache(t, dir, "key", dim, 0), n), n, "cut at %d", at)
		changed := append([]byte(nil), whole...)
		changed[at] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		require.Less(t, hits(t, openCache(t, dir, "key", dim, 0), n), n, "changed at %d", at)
	}
	require.NoError(t, os.WriteFile(path, append(whole, "tail"...), 0o600))
	require.Equal(t, n, hits(t, openCache(t, dir, "key", dim, 0), n), "a tail does no harm")
}

func TestADamagedVectorIsReplacedForGood(t *testing.T) {
	dir := t.TempDir()
	fillCache(t, dir, "key", 3, 0, 4)
	path := segmentFiles(t, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	whole[len(whole)-1]++
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	c := openCache(t, dir, "key", 3, 0)
	require.Equal(t, 3, hits(t, c, 4))
	c.put(hashOf(3), vectorOf(3, 3))
	require.NoError(t, c.close())
	require.Equal(t, 4, hits(t, openCache(t, dir, "key", 3, 0), 4))
}

func TestTheCacheStaysWithinItsLimit(t *testing.T) {
	dir := t.TempDir()
	const dim = 100
	one := int64(segmentHeader + 4 + 10*(sha256.Size+4*dim+4)) // a segment of ten
	for k := range 4 {
		fillCache(t, dir, "old", dim, 10*k, 10)
	}
	files := segmentFiles(t, dir)
	require.Len(t, files, 4)
	for k, f := range files { // the second is the longest unused
		used := time.Now().Add(-time.Hour)
		if k == 1 {
			used = used.Add(-time.Hour)
		}
		require.NoError(t, os.Chtimes(f, used, used))
	}
	c := openCache(t, dir, "new", dim, 4*one)
	for i := range 10 {
		c.put(hashOf(i), vectorOf(i, dim))
	}
	require.NoError(t, c.close())
	require.Len(t, segmentFiles(t, dir), 4)
	require.NoFileExists(t, files[1])
	old := openCache(t, dir, "old", dim, 0)
	require.Equal(t, 30, hits(t, old, 40))
	require.Zero(t, hits(t, old, 20)-10)

	small := openCache(t, dir, "new", dim, 100)
	for i := range 50 {
		small.put(hashOf(i), vectorOf(i, dim))
	}
	require.NoError(t, small.close())
	require.Empty(t, segmentFiles(t, dir), "not even one fits")
}

func TestWhatADeadProcessLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	fillCache(t, dir, "key", 3, 0, 1)
	dead, alive := filepath.Join(dir, cacheFolder, ".tmp-1"), filepath.Join(dir, cacheFolder, ".tmp-2")
	for _, f := range []string{dead, alive} {
		require.NoError(t, os.WriteFile(f, []byte("half"), 0o600))
	}
	long := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(dead, long, long))
	fillCache(t, dir, "key", 3, 1, 1)
	require.NoFileExists(t, dead)
	require.FileExists(t, alive)
}

func TestACacheThatCannotWriteStillAnswersAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, "key", 3, 10)
	require.NoError(t, os.RemoveAll(dir)) // as good as a full disk
	for i := range 5 {
		c.put(hashOf(i), vectorOf(i, 3))
	}
	_, ok := c.get(hashOf(0))
	require.True(t, ok)
	err := c.close()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), dir, "it may be stored in a model file")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = openFeatures(file, "key", 3, 0)
	require.ErrorContains(t, err, "feature cache")
}

func TestANilCacheDoesNothing(t *testing.T) {
	var c *featureCache
	c.put(hashOf(1), nil)
	_, ok := c.get(hashOf(1))
	require.False(t, ok)
	require.NoError(t, c.close())
}

func TestSeveralCachesOfOneFolderAtOnceDoNotDisturbEachOther(t *testing.T) {
	dir := t.TempDir()
	const users, each, dim = 6, 40, 8
	var wg sync.WaitGroup
	for k := range users {
		wg.Go(func() {
			c, err := openFeatures(dir, "key", dim, 0)
			if err != nil {
				t.Error(err)
				return
			}
			var inner sync.WaitGroup
			for worker := range 4 {
				inner.Go(func() {
					r := rand.New(rand.NewPCG(uint64(k), uint64(worker)))
					for range each {
						n := r.IntN(users * each)
						if v, ok := c.get(hashOf(n)); ok && v[0] != float32(n) {
							t.Errorf("vector %d is %v", n, v)
						}
						c.put(hashOf(n), vectorOf(n, dim))
					}
				})
			}
			inner.Wait()
			for i := range each {
				c.put(hashOf(k*each+i), vectorOf(k*each+i, dim))
			}
			if err := c.close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, users*each, hits(t, openCache(t, dir, "key", dim, 0), users*each))
}

func TestALongRunIsWrittenAsItGoes(t *testing.T) {
	dir := t.TempDir()
	const dim = 1 << 16
	c := openCache(t, dir, "key", dim, 0)
	for i := range 70 { // 18 MB
		c.put(hashOf(i), vectorOf(i, dim))
	}
	require.Len(t, segmentFiles(t, dir), 1)
	require.Equal(t, 64, hits(t, openCache(t, dir, "key", dim, 0), 70), "what a crash now would leave")
	require.NoError(t, c.close())
	require.Equal(t, 70, hits(t, openCache(t, dir, "key", dim, 0), 70))
	for _, f := range segmentFiles(t, dir) {
		require.True(t, strings.HasPrefix(filepath.Base(f), c.prefix()))
	}
}

// BenchmarkFeaturesFromDisk opens a cache and reads 870 vectors of 1280.
func BenchmarkFeaturesFromDisk(b *testing.B) {
	dir := b.TempDir()
	fillCache(b, dir, "key", 1280, 0, 870)
	for b.Loop() {
		c, err := openFeatures(dir, "key", 1280, 0)
		require.NoError(b, err)
		for i := range 870 {
			_, ok := c.get(hashOf(i))
			require.True(b, ok)
		}
		require.NoError(b, c.close())
	}
}

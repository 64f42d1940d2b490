// Package atomicfile writes files of which a reader never sees half: to a
// temporary name in the same folder, synced, renamed, the folder synced.
package atomicfile

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/argus-go/argus/internal/fileops"
)

// Write calls write with the new content's destination and puts the result at
// path, with perm less the umask. On an error, or a panic of write, what was
// at path stays and the temporary file is removed; only where the last step,
// syncing the folder, fails is the new file in place already. A link at path
// is replaced, not followed.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) error {
	return save(disk{perm: perm}, path, write)
}

func save(sys fileops.System, path string, write func(io.Writer) error) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".tmp-%016x", rand.Uint64()))
	if err := fileops.Write(sys, path, temp, write); err != nil {
		return fmt.Errorf("atomicfile: %s: %w", path, err)
	}
	return nil
}

// disk makes files that were not there before, with a mode.
type disk struct {
	fileops.Disk
	perm fs.FileMode
}

func (d disk) Create(path string) (fileops.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, d.perm)
}

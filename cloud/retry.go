package cloud

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"

	"gocloud.dev/gcerrors"
)

const maxDelay = 30 * time.Second

// lasting says that trying again is of no use.
func lasting(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errChanged) {
		return true
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.Unimplemented, gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return true
	}
	return false
}

// retry calls do until it succeeds, fails for good or has failed too often in a
// row. Where do got further before it failed, it says so.
func (b *Bucket) retry(ctx context.Context, do func() (further bool, err error)) error {
	for failed := 0; ; {
		further, err := do()
		if err == nil {
			return nil
		}
		if further {
			failed = 0
		}
		if ctx.Err() != nil || lasting(err) || failed >= b.o.Retries {
			return err
		}
		wait := min(min(b.o.Delay, maxDelay)<<min(failed, 20), maxDelay)
		failed++
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		}
	}
}

// once is retry for what has no parts.
func (b *Bucket) once(ctx context.Context, do func() error) error {
	return b.retry(ctx, func() (bool, error) { return false, do() })
}

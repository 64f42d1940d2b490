package scrape

import "fmt"

// Reason classes a Refusal.
type Reason string

// The reasons why a result does not become a picture of the dataset.
const (
	BadURL         Reason = "not a web address"
	PrivateAddress Reason = "private address"
	Robots         Reason = "robots.txt"
	NoIndex        Reason = "X-Robots-Tag"
	BadStatus      Reason = "status"
	TooSlow        Reason = "too slow"
	Broken         Reason = "broken off"
	HostDown       Reason = "host gave up on" // after failures in a row, or told to come back too late
	TooBig         Reason = "too big"
	NotAPicture    Reason = "not a picture"
	Duplicate      Reason = "duplicate"      // the class has the same content
	Straddles      Reason = "other split"    // its page or content is in another split
	NotAccepted    Reason = "not accepted"   // by Options.Accept
	Unreadable     Reason = "cannot be read" // a Result.Open failed
)

// Refusal says why a result was left out.
type Refusal struct {
	URL    string
	Reason Reason
	Err    error // may be nil
}

func (e *Refusal) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("scrape: %s: %s", e.URL, e.Reason)
	}
	return fmt.Sprintf("scrape: %s: %s: %v", e.URL, e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *Refusal) Unwrap() error { return e.Err }

// Package browser is a source of package scrape that reads image searches in an
// installed Chromium or Chrome, as a person would: it answers the consent page,
// scrolls until nothing more comes and reads the addresses of the full pictures.
//
//	b, err := browser.Open(ctx, browser.Options{})
//	defer b.Close()
//	google, err := b.Source("google")
//	summary, err := scrape.Run(ctx, terms, scrape.Options{Folder: "photos", Sources: []scrape.Source{google}})
//
// It is a module of its own, since what drives the browser is big. Pages change: all
// that is known of them is data (engines.json, or a file of yours in its form), and
// where it no longer fits a page the error is a *MarkupError, not an empty result.
// Check says the same of an engine before a long run.
//
// Search engines forbid robots in their robots.txt and often in their terms. Whether a
// use is allowed is for the caller to judge; the sources of package scrape that
// have an API come with a licence for each picture.
package browser

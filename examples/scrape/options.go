package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/argus-go/argus/scrape"
)

const usage = `usage: scrape [flags] TERMS.csv

TERMS.csv is a table with the columns search_term, number_imgs, folder_name and
train_val (train, val, test or empty), of which the first must be there. Run
again, the program gets what is missing.

Sources: openverse and commons need no key; flickr, bing and google take theirs
from FLICKR_KEY, BING_KEY, GOOGLE_KEY and GOOGLE_ENGINE; FILE.txt, FILE.csv or
FILE.jsonl is a list of addresses; another name is a folder of pictures.

`

type options struct {
	dir, model, at string
	contact        string
	sources        []scrape.Source
	terms          []scrape.Term
}

func parse(args []string, help io.Writer) (options, error) {
	var o options
	var sources string
	flags := flag.NewFlagSet("scrape", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "pictures", "put pictures into this `folder`")
	flags.StringVar(&o.model, "o", "model.argus", "save the classifier to this `file`")
	flags.StringVar(&sources, "sources", "openverse,commons", "where to look, the first first")
	flags.StringVar(&o.contact, "contact", "", "how sites may reach you: an `address` that goes with each request")
	flags.StringVar(&o.at, "at", "", "ask openverse and commons at this `URL`, for trials")
	flags.SetOutput(help)
	flags.Usage = func() {
		fmt.Fprint(help, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return o, errors.New("scrape: want one table of terms")
	}
	file, err := os.Open(flags.Arg(0))
	if err != nil {
		return o, err
	}
	defer file.Close()
	if o.terms, err = scrape.ReadTerms(file); err != nil {
		return o, err
	}
	for _, name := range strings.Split(sources, ",") {
		o.sources = append(o.sources, o.source(strings.TrimSpace(name)))
	}
	return o, nil
}

func (o options) userAgent() string {
	if o.contact == "" {
		return ""
	}
	return "argus-scrape/1 (" + o.contact + ")"
}

func (o options) source(name string) scrape.Source {
	api := scrape.API{BaseURL: o.at, UserAgent: o.userAgent()}
	switch name {
	case "openverse":
		return scrape.Openverse{API: api}
	case "commons":
		return scrape.Commons{API: api}
	case "flickr":
		return scrape.Flickr{Key: os.Getenv("FLICKR_KEY")}
	case "bing":
		return scrape.Bing{Key: os.Getenv("BING_KEY")}
	case "google":
		return scrape.Google{Key: os.Getenv("GOOGLE_KEY"), Engine: os.Getenv("GOOGLE_ENGINE")}
	}
	if strings.HasSuffix(name, ".txt") || strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".jsonl") {
		return scrape.URLList{File: name}
	}
	return scrape.Folder{Dir: name}
}

func (o options) scrape() scrape.Options {
	so := scrape.Options{Folder: o.dir, Sources: o.sources, Download: scrape.Download{UserAgent: o.userAgent()}}
	if u, err := url.Parse(o.at); err == nil && u.Host != "" {
		so.Download.AllowPrivate, so.Download.Rate = []string{u.Host}, -1
	}
	return so
}

// wanted is how many pictures all terms want.
func (o options) wanted() (n int64) {
	for _, t := range o.terms {
		n += int64(t.Count)
	}
	return n
}

func total(have map[scrape.Term]int64) (n int64) {
	for _, h := range have {
		n += h
	}
	return n
}

package scrape_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/argus-go/argus/scrape"
)

// Pictures of a folder become a dataset; scrape.Openverse{} and scrape.Commons{} in
// its place search the web.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "photos-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	terms, err := scrape.ReadTerms(strings.NewReader("search_term,number_imgs,folder_name,train_val\nsurfaces,10,texture,train\n"))
	if err != nil {
		log.Fatal(err)
	}
	summary, err := scrape.Run(context.Background(), terms, scrape.Options{
		Folder:  dir,
		Sources: []scrape.Source{scrape.Folder{Dir: "../examples/quickstart/photos", Licence: "CC0"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range summary.Short() {
		fmt.Printf("%s: %d of %d pictures\n", t.Query, t.Have, t.Count)
	}
	fmt.Println(summary.Classes["texture"], summary.Licences, summary.Refused)
	// Output:
	// surfaces: 5 of 10 pictures
	// map[train:5] map[CC0:5] map[not a picture:1]
}

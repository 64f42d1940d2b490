// Package scrape makes a dataset from search terms: it asks sources for
// pictures, downloads them within the manners of the web and lays them out as
//
//	{train,val,test}/<class>/<class>_N.jpg
//
// with a line for each picture in manifest.jsonl (where it came from, under
// which licence, by whom) and the credits in ATTRIBUTION.md.
//
//	terms, err := scrape.ReadTerms(file)
//	summary, err := scrape.Run(ctx, terms, scrape.Options{
//		Folder:  "photos",
//		Sources: []scrape.Source{scrape.Openverse{}, scrape.Commons{}},
//	})
//
// A run that was broken off, even by kill -9 or a full disk, is taken up by the
// next one: what is there is neither downloaded nor counted again. What somebody
// removed from the folder since is replaced by other pictures and does not come
// back. Pictures of one page, and equal pictures, never straddle two splits;
// Regroup does the same for pictures that are found to be alike afterwards.
//
// Results are only found here. Whether a licence allows a use, and whether a
// site's terms allow to be searched, is for the caller to judge.
package scrape

package batch

import (
	"errors"
	"strings"
	"testing"

	"rehome/internal/remote"
)

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"source,destination,authors\n/a,/b,people\n\"/c\",\"/d\"\"\",\"x\ny\"\n",
		"\xef\xbb\xbfsource,destination\r\nhttps://h/a,git@h:b\r\n",
		"{\"source\": \"/a\", \"destination\": \"/b\", \"large-files-match\": [\"x\"], \"authors\": true}\n{}\n",
		"source,destination\n\"", "{\"source\": 1e9}", "\n\n{",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := Read(strings.NewReader(text), rules)
		var bad *FileError
		switch {
		case err == nil && len(rows) == 0:
			t.Fatal("no rows and no error")
		case err != nil && (!errors.As(err, &bad) || len(bad.Faults) == 0 || bad.Faults[0].Line < 1):
			t.Fatalf("got %v", err)
		}
		seen := map[string]bool{}
		for _, r := range rows {
			if r.Source == "" || seen[remote.Key(r.Destination)] || strings.ContainsAny(r.Source+r.Destination, "\n\x00") {
				t.Fatalf("took %+v", r)
			}
			seen[remote.Key(r.Destination)] = true
			remote.Resolve(r.Source, r.Destination)
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add("{\"journal\":1}\n{\"key\":\"/d\",\"stamp\":\"s\",\"outcome\":{\"status\":\"done\"}}\n{\"key\":")
	f.Fuzz(func(t *testing.T, text string) {
		last, err := readNotes(strings.NewReader(text))
		for key := range last {
			if err == nil && key == "" {
				t.Fatal("a note of nothing")
			}
		}
	})
}

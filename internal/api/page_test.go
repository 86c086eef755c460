package api

import (
	"net/url"
	"testing"
)

func TestPages(t *testing.T) {
	const base = "http://h/imports"
	for _, c := range []struct {
		query string
		total int
		want  page
		link  string
	}{
		{"", 0, page{1, 30}, ""},
		{"", 30, page{1, 30}, ""},
		{"", 31, page{1, 30}, `<http://h/imports?page=2>; rel="next", <http://h/imports?page=2>; rel="last"`},
		{"page=2&status=complete&per_page=10", 25, page{2, 10}, `<http://h/imports?page=1&per_page=10&status=complete>; rel="prev", ` +
			`<http://h/imports?page=3&per_page=10&status=complete>; rel="next", <http://h/imports?page=3&per_page=10&status=complete>; rel="last", ` +
			`<http://h/imports?page=1&per_page=10&status=complete>; rel="first"`},
		{"page=9&per_page=10", 25, page{9, 10}, `<http://h/imports?page=3&per_page=10>; rel="prev", <http://h/imports?page=1&per_page=10>; rel="first"`},
		{"page=x&per_page=-1", 1, page{1, 30}, ""},
		{"page=0&per_page=1000", 1, page{1, 100}, ""},
		{"page=99999999999999999999", 1, page{1, 30}, ""},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		p := pageOf(query)
		if p != c.want {
			t.Errorf("%q: got %+v, want %+v", c.query, p, c.want)
		}
		if got := p.link(base, query, c.total).Get("Link"); got != c.link {
			t.Errorf("%q of %d:\n got %s\nwant %s", c.query, c.total, got, c.link)
		}
	}
}

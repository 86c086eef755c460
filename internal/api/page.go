package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	pageSize    = 30 // GitHub's default and maximum
	maxPageSize = 100
	maxPage     = 1_000_000 // keeps offsets far from overflow
)

// page is the part of a list a client asks for. number starts at 1.
type page struct {
	number, size int
}

// pageOf reads ?page= and ?per_page=. Like GitHub it takes the nearest number that makes sense.
func pageOf(query url.Values) page {
	return page{
		number: clamp(query.Get("page"), 1, 1, maxPage),
		size:   clamp(query.Get("per_page"), pageSize, 1, maxPageSize),
	}
}

func clamp(text string, otherwise, low, high int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < low {
		return otherwise
	}
	return min(n, high)
}

func (p page) offset() int { return (p.number - 1) * p.size }

// link is the Link header that leads from this page of a list of total items to the
// others; without others there is none. The query's other values are kept.
func (p page) link(base string, query url.Values, total int) http.Header {
	last := max((total+p.size-1)/p.size, 1)
	var links []string
	add := func(rel string, number int) {
		values := maps.Clone(query)
		values.Set("page", strconv.Itoa(number))
		links = append(links, fmt.Sprintf("<%s>; rel=%q", withQuery(base, values), rel))
	}
	if p.number > 1 {
		add("prev", min(p.number-1, last))
	}
	if p.number < last {
		add("next", p.number+1)
		add("last", last)
	}
	if p.number > 1 {
		add("first", 1)
	}
	if len(links) == 0 {
		return nil
	}
	return http.Header{"Link": {strings.Join(links, ", ")}}
}

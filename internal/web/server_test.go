package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/store"
)

// TestServerPage shows administrators who works on what, what waits and why, the disk, and what is wrong.
func TestServerPage(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "boss", Admin: true})
	x.token(t, auth.Grant{User: "octocat"})
	var taken rehome.Repository
	for n := range 60 {
		r := x.repository(t, "octocat", fmt.Sprintf("r%02d", n), "http://127.0.0.1:1/"+strings.Repeat("u", 64), false)
		if n == 0 {
			taken = r
		}
	}
	i, err := x.web.DB.ImportOf(t.Context(), taken.ID)
	must(t, err)
	if _, ok, err := x.web.DB.Acquire(t.Context(), i.ID, "w07/1", time.Hour); err != nil || !ok {
		t.Fatal(ok, err)
	}
	x.web.Vitals = func() Vitals {
		return Vitals{Process: store.Process{ID: "alone", Name: "here/data", Role: "all", Workers: 4}, Disk: Disk{Free: 3e9, Size: 10e9, Least: 1 << 30}}
	}
	page := b.get(t, "/-/server").want(t, 200).body
	for _, want := range []string{"<bdi>here/data</bdi>", "3.0 GB free of 10.0 GB", `value="70"`, "Queue (59)", "Workers (1)", "0 of 4", "/?status=importing", "/-/server?queue=2", "its turn", "Page 1 of 2"} {
		if want == "/?status=importing" && i.State.Status == rehome.Detecting {
			want = "/?status=detecting"
		}
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
	if strings.Contains(page, "To be looked at") || strings.Contains(page, "octocat/r00") {
		t.Errorf("the page of what is well: %s", page)
	}
	if second := b.get(t, "/-/server?queue=2&workers=9").want(t, 200).body; strings.Count(second, `import"><bdi>octocat/`) != 9 || !strings.Contains(second, "rel=\"prev\" href=\""+x.URL+"/-/server?queue=1&amp;workers=9\"") {
		t.Errorf("the second page: %s", second)
	}
	for n := range 120 {
		p := store.Process{ID: fmt.Sprintf("w%02d", n), Name: fmt.Sprintf("%s-%03d/data", strings.Repeat("m", 64), n), Role: "worker", Workers: 2, Settings: map[string]string{"max-refs": "a"}}
		switch n {
		case 3:
			p.Rests = "its disk is nearly full \u202e"
		case 4:
			p.Settings = map[string]string{"max-refs": "b"}
		}
		must(t, x.web.DB.Announce(t.Context(), p, time.Hour))
	}
	x.web.Vitals = func() Vitals {
		return Vitals{Process: store.Process{ID: "alone"}, Disk: Disk{Free: -1, Size: -1}, Away: []Away{{"object store", time.Now().Add(-5 * time.Minute)}}}
	}
	page = b.get(t, "/-/server").want(t, 200).body
	for _, want := range []string{"Workers (120)", "-003/data", "rests: <bdi>its disk is nearly full</bdi>", "The object store has not answered for 5 min", "different --max-refs", "1 of 2", "octocat/r00", "It cannot be asked"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
	if strings.Contains(page, "-119/data") || !strings.Contains(b.get(t, "/-/server?workers=3").body, "-119/data") {
		t.Error("workers are not in pages")
	}
	x.signedIn(t, auth.Grant{User: "octocat"}).get(t, "/-/server").want(t, 404)
}

// TestNobodyTakesWork says so to administrators.
func TestNobodyTakesWork(t *testing.T) {
	now := time.Now()
	rests := []store.Process{{Workers: 3, Rests: "its disk is nearly full"}, {Role: "api"}}
	for n, c := range []struct {
		all     []store.Process
		waiting int64
		want    int
	}{{rests, 1, 1}, {rests, 0, 0}, {append(rests, store.Process{Workers: 1}), 1, 0}} {
		if got := warningsOf(Vitals{}, c.all, store.Gauges{Waiting: c.waiting}, now); len(got) != c.want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for used, d := range map[int]Disk{-1: {Free: -1, Size: 10}, 0: {Free: 10, Size: 10}, 100: {Free: 0, Size: 10}, 33: {Free: 2, Size: 3}} {
		if got := d.Used(); got != used {
			t.Errorf("%+v: %d, want %d", d, got, used)
		}
	}
}

// TestImportsOfAnOwner lists those of one among the owners that the caller acts for.
func TestImportsOfAnOwner(t *testing.T) {
	x := newWorld(t)
	x.token(t, auth.Grant{User: "mona", Owners: []string{"labs"}})
	x.token(t, auth.Grant{User: "octocat"})
	for _, owner := range []string{"mona", "labs", "octocat"} {
		x.repository(t, owner, "moved", "http://127.0.0.1:1/x", false)
	}
	for name, c := range map[string]struct {
		as    auth.Grant
		owner string
		want  []string
		asks  bool
	}{
		"all of everybody":    {auth.Grant{User: "boss", Admin: true}, "", []string{"mona", "labs", "octocat"}, true},
		"one of everybody":    {auth.Grant{User: "boss", Admin: true}, "LABS", []string{"labs"}, true},
		"nobody":              {auth.Grant{User: "boss", Admin: true}, "x' OR 1=1", nil, true},
		"one's own":           {auth.Grant{User: "octocat"}, "", []string{"octocat"}, false},
		"another's":           {auth.Grant{User: "octocat"}, "mona", nil, false},
		"one's organisation":  {auth.Grant{User: "mona", Owners: []string{"labs"}}, "labs", []string{"labs"}, true},
		"what is not one's":   {auth.Grant{User: "mona", Owners: []string{"labs"}}, "octocat", nil, true},
		"all that is of mona": {auth.Grant{User: "mona", Owners: []string{"labs"}}, "", []string{"mona", "labs"}, true},
	} {
		page := x.signedIn(t, c.as).get(t, "/?owner="+strings.ReplaceAll(c.owner, " ", "+")).want(t, 200).body
		for _, owner := range []string{"mona", "labs", "octocat"} {
			if shown, want := strings.Contains(page, "<bdi>"+owner+"/moved"), strings.Contains(strings.Join(c.want, " "), owner); shown != want {
				t.Errorf("%s: shows %s: %t, want %t", name, owner, shown, want)
			}
		}
		if asks := strings.Contains(page, `name="owner"`); asks != c.asks {
			t.Errorf("%s: has a field for owners: %t", name, asks)
		}
	}
}

package web

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/importer"
	"rehome/internal/testenv"
)

// TestPlaceInTheQueueIsShown on the page and to who watches, with how long it has been waiting and for what else.
func TestPlaceInTheQueueIsShown(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.token(t, auth.Grant{User: "mona"})
	from := source1(t)
	first := x.repository(t, "mona", "first", from, false)
	x.repository(t, "octocat", "second", from, false)
	x.late.Store(int64(5 * time.Minute))
	const at = "/octocat/second/import"
	if page := b.get(t, at).want(t, 200); !strings.Contains(page.body, "Waits for its turn, place 2") || !strings.Contains(page.body, "It has waited for 5 min") || strings.Contains(page.body, "is the next") {
		t.Errorf("the page: %s", page.body)
	}
	s := b.stream(t, at+"/live")
	if got := until(t, s, "event: queued"); !strings.Contains(got, "event: changed") {
		t.Errorf("before it: %s", got)
	}
	if got := until(t, s, ""); !strings.Contains(got, "Waits for its turn, place 2") {
		t.Errorf("told: %s", got)
	}
	i, err := x.web.DB.ImportOf(t.Context(), first.ID)
	must(t, err)
	if _, ok, err := x.web.DB.Acquire(t.Context(), i.ID, "elsewhere/1", time.Hour); err != nil || !ok {
		t.Fatal(ok, err)
	}
	until(t, s, "event: queued")
	if got := until(t, s, ""); !strings.Contains(got, "place 1") || !strings.Contains(got, "is the next") {
		t.Errorf("told when it is the next: %s", got)
	}
	worker := "Worked on by"
	if page := x.signedIn(t, auth.Grant{User: "boss", Admin: true}).get(t, "/mona/first/import").want(t, 200); !strings.Contains(page.body, worker) {
		t.Errorf("an administrator does not see who works on it: %s", page.body)
	}
	if page := x.signedIn(t, auth.Grant{User: "mona"}).get(t, "/mona/first/import").want(t, 200); strings.Contains(page.body, worker) {
		t.Error("others see who works on it")
	}
}

// TestHeldSaysWhatIsPushed lists it from the rows alone: the folders are gone.
func TestHeldSaysWhatIsPushed(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "old.git"), "sha1")
	testenv.Git(t, filepath.Join(root, "old.git"), "update-ref", "refs/pull/1/head", "refs/heads/trunk")
	r := x.repository(t, "octocat", "socm", testenv.ServeGit(t, root, testenv.Options{})+"/old.git", true)
	x.work(t)
	people, err := x.web.Importer.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	name := "Somebody Else"
	for _, a := range people[:2] {
		_, err := x.web.Importer.MapAuthor(t.Context(), r.ID, a.ID, &name, nil)
		must(t, err)
	}
	branch, every, prune := "main", time.Hour, true
	_, err = x.web.Importer.Update(t.Context(), r.ID, importer.UpdateRequest{Choices: importer.Choices{DefaultBranch: &branch, SyncEvery: &every, Prune: &prune}})
	must(t, err)
	x.work(t)
	i := x.at(t, r)
	if i.State.Status != rehome.WaitingToPush {
		t.Fatal(i.State)
	}
	page := b.get(t, "/octocat/socm/import").want(t, 200).body
	for _, want := range []string{
		"on <strong>4 branches</strong> and <strong>5 tags</strong>, with 2 other refs", "<bdi>refs/heads/trunk</bdi>", "<bdi>refs/tags/v1.0</bdi>", "stay behind", "<bdi>refs/pull/1/head</bdi>",
		fmt.Sprintf("<strong>2</strong> of %d identities become others", i.Found.Authors), "Somebody Else", "The default branch, trunk, is called main there",
		"so there, too; old tips stay below", "What is new at the source follows every hour", "Not known yet", "stops the push, which names it", "of the commits get</strong> new ids",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the preview lacks %q: %s", want, page)
		}
	}
	if strings.Contains(page, "whether the destination takes all") {
		t.Error("the host is taken for a forge")
	}
	to := "https://127.0.0.1:9/new.git"
	over, yes := rehome.Overwrite, true
	_, err = x.web.Importer.SetDestination(t.Context(), r.ID, importer.DestinationRequest{URL: to, OnDivergence: &over, Create: &yes})
	must(t, err)
	page = b.get(t, "/octocat/socm/import").want(t, 200).body
	for _, want := range []string{to, "is overwritten; what it was stays", "made there when it is missing: private", "whether the destination takes all"} {
		if !strings.Contains(page, want) {
			t.Errorf("the preview lacks %q: %s", want, page)
		}
	}
}

// TestCompleteSaysWhatARunBrought and when the next one comes.
func TestCompleteSaysWhatARunBrought(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "old.git"), "sha1")
	r := x.repository(t, "octocat", "socm", testenv.ServeGit(t, root, testenv.Options{})+"/old.git", false)
	x.work(t)
	const at = "/octocat/socm/import"
	if page := b.get(t, at).body; !strings.Contains(page, "brought only when somebody asks") || strings.Contains(page, "The last run") || !strings.Contains(page, "stay behind") {
		t.Errorf("after the first run: %s", page)
	}
	testenv.Grow(t, filepath.Join(root, "old.git"), "refs/heads/side", "new.txt", 3)
	form := asShown(x.at(t, r), partOptions)
	form.Set("sync_interval", "21600")
	b.post(t, at+"/options", form).want(t, 303)
	b.post(t, at+"/start", url.Values{}).want(t, 303)
	x.work(t)
	i := x.at(t, r)
	for _, want := range []string{"brought: 3 new commits, 1 ref moved.", "is brought every 6 hours, next at " + stamp(i.NextSyncAt)} {
		if page := b.get(t, at).body; !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
}

// TestBehind names twenty refs, of each reason some.
func TestBehind(t *testing.T) {
	var all []rehome.SkippedRef
	for n := range 1000 {
		all = append(all, rehome.NewSkippedRef(fmt.Sprintf("refs/pull/%d/head", n), "", "pull request"))
	}
	all = append(all, rehome.NewSkippedRef("refs/x\u202e", "", "other"))
	got := behindOf(all)
	if got.Total != 1001 || len(got.Why) != 2 || got.Why[0].Count != 1000 || len(got.Why[0].Names) != 10 || got.Why[0].Unnamed() != 990 || got.Why[1].Names[0] != "refs/x" {
		t.Errorf("%+v", got)
	}
	if few := behindOf(all[:3]); len(few.Why[0].Names) != 3 || few.Why[0].Unnamed() != 0 {
		t.Errorf("%+v", few)
	}
}

package storetest

import (
	"slices"
	"testing"

	"rehome"
	"rehome/internal/store"
)

func testRepositoryLists(t *testing.T, db *store.DB) {
	ctx := t.Context()
	user, err := db.CreateOwner(ctx, rehome.Owner{Login: "Octocat", Kind: rehome.User})
	must(t, err)
	acme := newOrganization(t, db, "Acme")
	for _, r := range []rehome.Repository{{Owner: user, Name: "b"}, {Owner: user, Name: "A", Private: true}, {Owner: acme, Name: "c", Private: true}, {Owner: acme, Name: "d"}} {
		_, err := db.CreateRepository(ctx, r)
		must(t, err)
	}
	for _, c := range []struct {
		filter store.RepositoryFilter
		total  int
		want   []string
	}{
		{store.RepositoryFilter{Private: true, Limit: 9}, 4, []string{"Acme/c", "Acme/d", "Octocat/A", "Octocat/b"}},
		{store.RepositoryFilter{Limit: 9}, 2, []string{"Acme/d", "Octocat/b"}},
		{store.RepositoryFilter{Owners: []string{"OCTOCAT", "none"}, Private: true, Limit: 9}, 2, []string{"Octocat/A", "Octocat/b"}},
		{store.RepositoryFilter{Owners: []string{"octocat"}, Limit: 9}, 1, []string{"Octocat/b"}},
		{store.RepositoryFilter{Owners: []string{}, Private: true, Limit: 9}, 0, nil},
		{store.RepositoryFilter{Private: true, Limit: 2, Offset: 1}, 4, []string{"Acme/d", "Octocat/A"}},
		{store.RepositoryFilter{Private: true, Limit: 2, Offset: 4}, 4, nil},
	} {
		page, total, err := db.ListRepositories(ctx, c.filter)
		must(t, err)
		var names []string
		for _, r := range page {
			names = append(names, r.FullName())
		}
		if total != c.total || !slices.Equal(names, c.want) {
			t.Errorf("%+v: %v of %d, want %v of %d", c.filter, names, total, c.want, c.total)
		}
	}
	for id, want := range map[int64]int{user.ID: 1, acme.ID: 1, 99: 0} {
		n, err := db.PublicRepositories(ctx, id)
		must(t, err)
		if n != want {
			t.Errorf("owner %d has %d public repositories, want %d", id, n, want)
		}
	}
}

func testOrganizations(t *testing.T, db *store.DB) {
	newRepository(t, db, "octocat", "one")
	acme, labs := newOrganization(t, db, "acme"), newOrganization(t, db, "Labs")
	for _, c := range []struct {
		logins        []string
		limit, offset int
		total         int
		want          []rehome.Owner
	}{
		{nil, 9, 0, 2, []rehome.Owner{acme, labs}},
		{[]string{"octocat", "labs", "none"}, 9, 0, 1, []rehome.Owner{labs}},
		{[]string{}, 9, 0, 0, nil},
		{nil, 1, 1, 2, []rehome.Owner{labs}},
	} {
		page, total, err := db.Organizations(t.Context(), c.logins, c.limit, c.offset)
		must(t, err)
		if total != c.total || !slices.Equal(page, c.want) {
			t.Errorf("%v: %+v of %d, want %+v of %d", c.logins, page, total, c.want, c.total)
		}
	}
}

func testChangedRepositories(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	same, err := db.ChangeRepository(ctx, r.ID, func(*rehome.Repository) {})
	must(t, err)
	if same != r {
		t.Errorf("unchanged: %+v, want %+v", same, r)
	}
	changed, err := db.ChangeRepository(ctx, r.ID, func(r *rehome.Repository) { r.Description, r.Private, r.DefaultBranch = "d", !r.Private, "trunk" })
	must(t, err)
	want := r
	want.Description, want.Private, want.DefaultBranch, want.UpdatedAt = "d", !r.Private, "trunk", changed.UpdatedAt
	got, err := db.RepositoryByID(ctx, r.ID)
	must(t, err)
	if got != changed || changed != want || changed.UpdatedAt.Before(r.UpdatedAt) {
		t.Errorf("changed to %+v, read back %+v, want %+v", changed, got, want)
	}
	_, err = db.ChangeRepository(ctx, 99, func(*rehome.Repository) { t.Error("there is none to change") })
	wantCode(t, err, rehome.NotFound)
}

package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/auth"
)

// tokenList is the page of the tokens a caller may see.
type tokenList struct {
	Rows   []rehome.Token
	Works  map[int64]bool // the ids of all that work
	Mine   int64          // the id of the one this session began with
	Scopes []string
	Owners []string
	Made   string // a new token, shown this once
	Pages  pager
	Err    *shownProblem
}

// mayMake are the scopes that a caller may give away: those of the own token.
func mayMake(c auth.Caller) []string {
	return slices.DeleteFunc(auth.Scopes(), func(s string) bool { return !c.Has(s) })
}

func (w *Web) tokens(v *visit) error { return w.tokensAgain(v, http.StatusOK, "", nil) }

func (w *Web) tokensAgain(v *visit, status int, made rehome.Secret, wrong *shownProblem) error {
	all, err := w.DB.Tokens(v.r.Context())
	if err != nil {
		return err
	}
	works := map[int64]bool{}
	for _, t := range all {
		works[t.ID] = t.RevokedAt.IsZero()
	}
	all = slices.DeleteFunc(all, func(t rehome.Token) bool { return !t.RevokedAt.IsZero() || !mayRevoke(v.caller, t) })
	slices.Reverse(all)
	query := v.r.URL.Query()
	page := max(number(query.Get("page")), 1)
	from := min((page-1)*perPage, len(all))
	return w.page(v, status, "tokens", "Tokens", tokenList{
		Rows: all[from:min(from+perPage, len(all))], Works: works, Mine: v.caller.Token.ID, Scopes: mayMake(v.caller), Owners: v.caller.Token.Owners,
		Made: string(made), Pages: pagesOf(v.urls.Root+"/-/tokens", query, page, len(all)), Err: wrong,
	})
}

// mayRevoke reports whether a caller may see a token and end it: administrators any, others those of their user that can do no more than
// the own one. Who holds a narrow token does not end, or learn of, wider ones.
func mayRevoke(c auth.Caller, t rehome.Token) bool {
	if c.Admin() || t.ID == c.Token.ID {
		return true
	}
	return t.User.ID == c.User().ID && within(t.Scopes, c.Token.Scopes) && within(t.Owners, c.Token.Owners)
}

// within reports whether all words of a list are in another.
func within(list, other []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(other, s) })
}

// makeToken makes one that can do no more than the caller's own.
func (w *Web) makeToken(v *visit) error {
	grant := auth.Grant{
		User: v.caller.User().Login, Scopes: v.r.PostForm["scope"], Owners: v.r.PostForm["owner"], MadeBy: v.caller.Token.ID, Note: v.r.PostFormValue("note"),
	}
	if user := strings.TrimSpace(v.r.PostFormValue("user")); user != "" && v.caller.Admin() {
		grant.User = user
	}
	may := mayMake(v.caller)
	for _, s := range grant.Scopes {
		if !slices.Contains(may, s) {
			return w.tokensAgain(v, http.StatusUnprocessableEntity, "", &shownProblem{Title: "No token was made", Text: "Your own token lacks the scope " + rehome.Clean(s, 40) + "."})
		}
	}
	for _, o := range grant.Owners {
		if !v.caller.ActsFor(o) {
			return w.tokensAgain(v, http.StatusUnprocessableEntity, "", &shownProblem{Title: "No token was made", Text: "Your own token does not act for " + rehome.Clean(o, 40) + "."})
		}
	}
	if len(grant.Scopes) == 0 {
		return w.tokensAgain(v, http.StatusUnprocessableEntity, "", &shownProblem{Title: "No token was made", Text: "A token without a scope can do nothing.", Hint: "Choose at least one."})
	}
	_, secret, err := w.Auth.Issue(v.r.Context(), grant)
	if err != nil {
		p := problemOf(err)
		if p.status >= http.StatusInternalServerError {
			return err
		}
		shown := p.shown()
		return w.tokensAgain(v, p.status, "", &shown)
	}
	return w.tokensAgain(v, http.StatusOK, secret, nil)
}

// revoking is the page that asks what is to become of the tokens made with one that is to end.
type revoking struct {
	Token rehome.Token
	Made  []rehome.Token
	Mine  bool // it is the one this session began with, or that one was made with it
}

// revokeToken ends a token. Where others were made with it that work, it asks first whether they are to end, too: a stolen token may have
// made itself a successor. Those can do no more than it, so whoever may end it may end them.
func (w *Web) revokeToken(v *visit) error {
	ctx := v.r.Context()
	all, err := w.DB.Tokens(ctx)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(all, func(t rehome.Token) bool { return t.ID == id(v, "token") && mayRevoke(v.caller, t) })
	if n < 0 {
		return errNoPage
	}
	made, err := w.DB.TokensMade(ctx, all[n].ID)
	if err != nil {
		return err
	}
	switch {
	case len(made) > 0 && v.r.PostFormValue("asked") == "":
		mine := slices.ContainsFunc(append(made, all[n]), func(t rehome.Token) bool { return t.ID == v.caller.Token.ID })
		return w.page(v, http.StatusOK, "token", "Revoke token "+strconv.FormatInt(all[n].ID, 10), revoking{all[n], made, mine})
	case v.r.PostFormValue("made") != "", len(made) == 0: // there may be some by now
		_, err = w.DB.RevokeTokenWithMade(ctx, all[n].ID)
	default:
		err = w.DB.RevokeToken(ctx, all[n].ID)
	}
	if err != nil {
		return err
	}
	return v.to(v.urls.Root + "/-/tokens")
}

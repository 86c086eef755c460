package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/auth"
)

// cookieName is that of the session. A browser takes one that begins with __Host- over https only, and for this host alone.
func cookieName(root string) string {
	if strings.HasPrefix(root, "https:") {
		return "__Host-rehome"
	}
	return "rehome"
}

// keep sends a session's secret to the browser; "" takes it away.
func (v *visit) keep(secret rehome.Secret) {
	c := &http.Cookie{
		Name: cookieName(v.urls.Root), Value: string(secret), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(v.urls.Root, "https:"), MaxAge: int(auth.SessionLasts.Seconds()),
	}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// session finds out who asks. Somebody who was signed in and is not any more is nobody.
func (w *Web) session(v *visit) error {
	c, err := v.r.Cookie(cookieName(v.urls.Root))
	if err != nil {
		return nil //nolint:nilerr // nobody is signed in
	}
	caller, err := w.Auth.InSession(v.r.Context(), rehome.Secret(c.Value), w.Clock())
	if errors.Is(err, auth.ErrBadCredentials) {
		return nil
	}
	v.caller, v.secret = caller, rehome.Secret(c.Value)
	return err
}

// mayStill reports whether who was let in may go on: since then the session may have ended, the token been revoked, and the
// repository been deleted, or another one made in its place. It fails where nobody can say.
func (w *Web) mayStill(v *visit, who access) (bool, error) {
	now := &visit{r: v.r, w: v.w, urls: v.urls, secret: v.secret}
	var err error
	if now.caller, err = w.Auth.StillInSession(v.r.Context(), v.secret, w.Clock()); err == nil {
		err = w.admit(now, who)
	}
	var refused *problem
	if errors.Is(err, auth.ErrBadCredentials) || errors.Is(err, errSignIn) || errors.As(err, &refused) {
		return false, nil
	}
	return err == nil && now.repo.ID == v.repo.ID, err
}

func (w *Web) signInForm(v *visit) error {
	if !v.caller.Anonymous() {
		return v.to(v.urls.Root + "/")
	}
	query := v.r.URL.Query()
	return w.page(v, http.StatusOK, "sign-in", "Sign in", signIn{Next: query.Get("next"), Lost: query.Get("lost") != ""})
}

// signIn is what the form shows.
type signIn struct {
	Next string // the path that was asked for
	Err  string
	Lost bool // a form came from nobody any more
}

// signIn begins a session. It has a new secret whatever the browser sent: nobody can prepare one for somebody else.
func (w *Web) signIn(v *visit) error {
	ctx, next := v.r.Context(), v.r.PostFormValue("next")
	asked := v.r.Clone(ctx)
	asked.Header = http.Header{"Authorization": {"token " + strings.TrimSpace(v.r.PostFormValue("token"))}}
	caller, err := w.Guard.Identify(ctx, asked, v.client)
	var many *auth.TooManyError
	switch {
	case errors.As(err, &many):
		v.w.Header().Set("Retry-After", strconv.Itoa(auth.CeilSeconds(many.Wait)))
		return w.page(v, http.StatusTooManyRequests, "sign-in", "Sign in", signIn{Next: next, Err: "Too many tokens that do not work came from your address. Wait a few minutes, then try again."})
	case errors.Is(err, auth.ErrBadCredentials), err == nil && caller.Anonymous():
		return w.page(v, http.StatusUnprocessableEntity, "sign-in", "Sign in", signIn{Next: next, Err: "This token does not work. Tokens begin with rht_; the server's operator makes them with rehome token create."})
	case err != nil:
		return err
	}
	if v.secret != "" {
		if err := w.Auth.End(ctx, v.secret); err != nil {
			return err
		}
	}
	secret, err := w.Auth.Begin(ctx, caller)
	if err != nil {
		return err
	}
	v.keep(secret)
	return v.to(v.urls.Root + local(next))
}

// maxNext is the longest path that is gone to after signing in, in bytes.
const maxNext = 2048

// local makes a path of this server of what a form says, "/" of anything else.
func local(next string) string {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' } // a path that came in a request is escaped
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || len(next) > maxNext || strings.ContainsFunc(next, odd) {
		return "/"
	}
	return next
}

func (w *Web) signOut(v *visit) error {
	if err := w.Auth.End(v.r.Context(), v.secret); err != nil {
		return err
	}
	v.keep("")
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.to(v.urls.Root + "/-/sign-in")
}

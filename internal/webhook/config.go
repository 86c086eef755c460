package webhook

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/store"
)

// The bounds of what a hook can be given.
const (
	maxURL    = 2048 // bytes
	maxSecret = 1024 // bytes
	maxEvents = 100
	maxEvent  = 64 // bytes
)

// configure sets what c says, and seals its secret.
func (h *Hooks) configure(hook *store.Hook, c Config) (err error) {
	if err := h.checkURL(c.URL); err != nil {
		return err
	}
	hook.URL = c.URL
	if hook.Form, err = checkContentType(c.ContentType); err != nil {
		return err
	}
	if c.InsecureSSL {
		return errInsecure
	}
	return h.sign(hook, c.Secret)
}

var errInsecure = invalid("config.insecure_ssl", "Certificates are always checked.",
	"The server's operator can have another authority trusted with --ca-file.")

// sign seals the secret that is to sign what hook is sent; "" for none.
func (h *Hooks) sign(hook *store.Hook, secret rehome.Secret) (err error) {
	hook.Signed, hook.Secret = secret != "", nil
	if err := checkSecret(secret); err != nil || !hook.Signed {
		return err
	}
	hook.Secret, err = h.Seal.Seal(secret)
	return err
}

// checkURL refuses what can never be posted to. What it says does not quote the URL, which may be a secret as a whole.
func (h *Hooks) checkURL(raw string) error {
	const field = "config.url"
	switch {
	case raw == "":
		return invalid(field, "The URL is missing.", "Give the address deliveries are posted to, as https://host/path.")
	case len(raw) > maxURL:
		return invalid(field, fmt.Sprintf("The URL is longer than %d bytes.", maxURL), "")
	case strings.Contains(raw, " ") || rehome.Clean(raw, maxURL) != raw:
		return invalid(field, "The URL holds spaces, control characters or what is not UTF-8.", "Write them as %XX.")
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Port() != "" && !isPort(u.Port())) {
		return invalid(field, "The URL cannot be read.", "Give one as https://host/path.")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid(field, "The URL is neither http nor https.", "")
	case u.Hostname() == "":
		return invalid(field, "The URL names no host.", "Give one as https://host/path.")
	case u.User != nil:
		return invalid(field, "The URL holds a user name or password.", "A secret can show the receiver that deliveries are genuine.")
	}
	if err := h.Client.CheckURL(u); err != nil {
		e := *rehome.AsError(err)
		e.Field = field
		return &e
	}
	return nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func checkContentType(s string) (form bool, err error) {
	switch s {
	case "", "form":
		return true, nil
	case "json":
		return false, nil
	}
	return false, invalid("config.content_type", "The content type is neither json nor form.", "")
}

// stars reports whether s is what stands for a secret where a hook is shown.
func stars(s rehome.Secret) bool { return s != "" && strings.Trim(string(s), "*") == "" }

// checkSecret refuses stars, too: clients that send back what they were shown would lose the secret without a word.
func checkSecret(s rehome.Secret) error {
	switch {
	case len(s) > maxSecret:
		return invalid("config.secret", fmt.Sprintf("The secret is longer than %d bytes.", maxSecret), "")
	case stars(s):
		return invalid("config.secret", "The secret is the stars that stand for it when a webhook is shown.",
			"Give the secret itself.")
	}
	return nil
}

// eventNames are those of GitHub's webhooks, one of which is told of here.
var eventNames = strings.Fields(`branch_protection_configuration branch_protection_rule check_run check_suite
	code_scanning_alert commit_comment create custom_property custom_property_values delete dependabot_alert deploy_key
	deployment deployment_protection_rule deployment_review deployment_status discussion discussion_comment fork
	github_app_authorization gollum installation installation_repositories installation_target issue_comment
	issue_dependencies issues label marketplace_purchase member membership merge_group meta milestone org_block
	organization package page_build personal_access_token_request ping project project_card project_column projects_v2
	projects_v2_item projects_v2_status_update public pull_request pull_request_review pull_request_review_comment
	pull_request_review_thread push registry_package release repository repository_advisory repository_dispatch
	repository_import repository_ruleset repository_vulnerability_alert secret_scanning_alert
	secret_scanning_alert_location secret_scanning_scan security_advisory security_and_analysis sponsorship star status
	sub_issues team team_add watch workflow_dispatch workflow_job workflow_run`)

// checkEvents returns the events sorted, each once. Those that nothing tells of are kept: scripts subscribe to several.
func checkEvents(events []string) ([]string, error) {
	if len(events) > maxEvents {
		return nil, invalid("events", fmt.Sprintf("There are more than %d events.", maxEvents), "Name *, which is every event.")
	}
	for _, e := range events {
		if e != "*" && !slices.Contains(eventNames, e) {
			return nil, invalid("events", fmt.Sprintf("%q is no event's name.", rehome.Clean(e, maxEvent)),
				"The event told of here is repository_import; * is every event.")
		}
	}
	if len(events) == 0 {
		return nil, invalid("events", "There is no event left.", "Name one, as repository_import.")
	}
	return slices.Compact(slices.Sorted(slices.Values(events))), nil
}

// events are those of a hook that had some, after the edit: replaced, then added to, then taken from.
func (q Edit) events(had []string) ([]string, error) {
	if q.Events != nil {
		had = *q.Events
	}
	all, err := checkEvents(slices.Concat(had, q.AddEvents))
	if err != nil {
		return nil, err
	}
	return checkEvents(slices.DeleteFunc(all, func(e string) bool { return slices.Contains(q.RemoveEvents, e) }))
}

func invalid(field, message, hint string) error {
	return &rehome.Error{Code: rehome.Invalid, Field: field, Message: message, Hint: hint}
}

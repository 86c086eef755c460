package api

import (
	"errors"
	"strings"
	"testing"
)

func TestParseForm(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       error
	}{
		{"nothing", "", nil},
		{"spaces", " \n", nil},
		{"null", "null", nil},
		{"empty object", "{}", nil},
		{"unknown keys", `{"a": {"b": [1]}, "": null}`, nil},
		{"cut off", `{"vcs_url": "x`, errBadJSON},
		{"two values", `{} {}`, errBadJSON},
		{"a form", "vcs_url=x", errBadJSON},
		{"not UTF-8", "{\"a\": \"\xff\"}", errBadJSON},
		{"array", "[]", errNoObject},
		{"string", `"x"`, errNoObject},
		{"number", "1", errNoObject},
		{"deep", strings.Repeat("[", 100_000), errBadJSON},
	} {
		if _, err := parseForm([]byte(c.body), "Import"); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestFormTellsWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, body, field, code string }{
		{"missing", `{}`, "vcs_url", "missing_field"},
		{"null", `{"vcs_url": null}`, "vcs_url", "missing_field"},
		{"empty", `{"vcs_url": ""}`, "vcs_url", "missing_field"},
		{"number", `{"vcs_url": 1}`, "vcs_url", "invalid"},
		{"boolean", `{"vcs_url": true}`, "vcs_url", "invalid"},
		{"array", `{"vcs_url": ["x"]}`, "vcs_url", "invalid"},
		{"object", `{"vcs_url": {"x": "y"}}`, "vcs_url", "invalid"},
		{"other field", `{"vcs_url": "x", "vcs_password": 12345678}`, "vcs_password", "invalid"},
		{"system", `{"vcs_url": "x", "vcs": "cvs"}`, "vcs", "invalid"},
		{"not yet", `{"vcs_url": "x", "auto_init": true}`, "auto_init", "unprocessable"},
		{"fine", `{"vcs_url": "x", "vcs": "hg", "auto_init": false, "refs": []}`, "", ""},
	} {
		f, err := parseForm([]byte(c.body), "Import")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		f.required("vcs_url")
		f.text("vcs_password")
		readVCS(f)
		f.unsupported("auto_init")
		got := fieldError{}
		if len(f.faults) > 0 {
			got = f.faults[0]
		}
		if len(f.faults) > 1 || got.Field != c.field || got.Code != c.code {
			t.Errorf("%s: got %+v, want %s on %s", c.name, f.faults, c.code, c.field)
		}
		if strings.Contains(got.Message, "12345678") {
			t.Errorf("%s: the message repeats the value: %s", c.name, got.Message)
		}
	}
}

func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"", "null", "{}", `{"vcs_url":"x","vcs":"git"}`, `{"vcs_url":1}`, "[", "\xff", `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body, "Import")
		if err != nil {
			if got := failureOf(err, "Import").status; got != 400 {
				t.Errorf("status %d", got)
			}
			return
		}
		value := form.required("vcs_url")
		if (value == "") != (form.err() != nil) {
			t.Errorf("value %q and error %v", value, form.err())
		}
	})
}

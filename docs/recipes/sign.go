// Package imgopt signs imgopt delivery URLs with the standard library only.
package imgopt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

var signable = regexp.MustCompile(`\A/[A-Za-z0-9._~@/-]*\z`)

var encoding = strings.NewReplacer("+", "%20", "%2C", ",", "%3A", ":")

// Sign("https://img.example.org", "/i/products/shoe", map[string]string{"w": "800"}, "k1", "<64 hex digits>", 0)
// gives a signed URL. The params are plain values, not yet percent-encoded; expires is a time in seconds since
// 1970, or 0 for a URL that does not expire.
func Sign(base, path string, params map[string]string, kid, secret string, expires int64) (string, error) {
	if !signable.MatchString(path) {
		return "", fmt.Errorf("not a path that can be signed: %q", path)
	}
	key, err := hex.DecodeString(secret)
	if err != nil {
		return "", fmt.Errorf("the secret is not hexadecimal: %w", err)
	}
	pairs := make([]string, 0, len(params)+2)
	for name, value := range params {
		pairs = append(pairs, url.QueryEscape(name)+"="+encoding.Replace(url.QueryEscape(value)))
	}
	if expires != 0 {
		pairs = append(pairs, "expires="+strconv.FormatInt(expires, 10))
	}
	sort.Strings(pairs)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("imgopt-url-v1\n" + kid + "\n" + path + "\n" + strings.Join(pairs, "\n")))
	pairs = append(pairs, "s="+kid+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	return base + path + "?" + strings.Join(pairs, "&"), nil
}

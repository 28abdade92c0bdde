<?php
// Signs imgopt delivery URLs. PHP 7.4 or newer, no extension beyond the standard ones.

/**
 * imgopt_sign("https://img.example.org", "/i/products/shoe", ["w" => 800], "k1", "<64 hex digits>") gives a signed URL.
 * $params are plain values, not yet percent-encoded; $expires is a time in seconds since 1970.
 */
function imgopt_sign(
    string $base, string $path, array $params, string $kid, string $secret, ?int $expires = null
): string {
    if (!preg_match('~\A/[A-Za-z0-9._\~@/-]*\z~', $path)) {
        throw new InvalidArgumentException("not a path that can be signed: $path");
    }
    if ($expires !== null) {
        $params['expires'] = $expires;
    }
    $pairs = [];
    foreach ($params as $name => $value) {
        $value = strtr(rawurlencode((string) $value), ['%2C' => ',', '%3A' => ':']);
        $pairs[] = rawurlencode((string) $name) . '=' . $value;
    }
    sort($pairs, SORT_STRING);
    $message = "imgopt-url-v1\n$kid\n$path\n" . implode("\n", $pairs);
    $mac = hash_hmac('sha256', $message, hex2bin($secret), true);
    $pairs[] = "s=$kid." . rtrim(strtr(base64_encode($mac), '+/', '-_'), '=');
    return "$base$path?" . implode('&', $pairs);
}

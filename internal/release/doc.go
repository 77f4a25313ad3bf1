// Package release watches the releases of a package: which there are, when they were
// uploaded, what advisories say of them, and how far each has come on its way to
// production.
//
// A release goes through states, seen, cooling, ready, canary, staging, production,
// superseded, and each step has evidence. What a machine can know it does: a release
// cools until it has been out for some days, because malicious uploads are found
// within hours to days. What only people can know they do: canary, staging and
// production are reached by a person with evidence, one after the other.
//
// # Security
//
// What the sources say is hostile input: it is bounded, read strictly where it decides
// something, and quoted. No source alone moves a release on. A release that an index
// has and the project's own repository does not is held, since that is what a stolen
// upload token looks like; a release that was yanked or quarantined is withdrawn from
// any state. A source that does not answer holds what it would have been asked for.
//
// A security release may leave the cooldown early, after Policy.Least, if two sources
// that do not copy each other's words for it say that it repairs what is in use: an
// advisory of the project or of GitHub, and the record of OSV.
//
// # Limits
//
// Each answer has at most 32 MiB, a source names at most 5,000 versions or advisories,
// and OSV is asked for at most 200 records. Of GitHub's lists the first page is read,
// the 100 newest. The page of an index has pyindex's limits.
//
// # Specification
//
// GitHub REST API 2022-11-28: releases, repository security advisories, global
// advisories. deps.dev API v3, GetPackage. OSV schema 1.7.4, GET /v1/vulns/{id}.
// Package indexes as internal/pyindex has them.
package release

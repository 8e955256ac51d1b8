"""The practice platform: organizations to try things on, over real HTTP.

It is written from PLATFORM.md and shares no code with the client or the catalogue, so that a mistake in one
shows up against the other. Standard library only. Everything here is reached through HTTP, or in a test's own
process through `console.practice.server.PracticeServer`:

    with PracticeServer() as platform:          # keyword arguments: port, host, data_dir, history_dir, now
        platform.url                            # http://127.0.0.1:PORT, API and login alike
        platform.credentials["northwind"]       # organization_id, organization_name, client_id, client_secret
        platform.add_fault("drop_after_commit", path="/configs/cfg-1$")
        platform.foreign_write("/api/v2/agentassist/configs/cfg-1", by="Ines Duarte")
        platform.set_switches("northwind", lost_race_status=412)
        platform.set_divisions("northwind", remove=["Card security"])
        platform.writes("cfg-1"), platform.requests(), platform.clear_faults()

`manage.py practice --port P [--host H] [--data DIR] [--history DIR]`; with `--data`, DIR/credentials.json (mode
0600) maps each slug to organization_id, organization_name, client_id, client_secret. Organizations: `northwind`
(Northwind Bank; `cfg-1` is "Agent Assist – Billing EMEA"), `tailspin` (a retailer), `lamna` (a health insurer),
and `archive` when a history folder is given: its folders' names are the ids of its assist configurations.

Paths (P = permission for reading / writing)
--------------------------------------------
POST /oauth/token
    HTTP Basic, form grant_type=client_credentials; 400 {"error": "invalid_client", …}
GET /api/v2/tokens/me
    organization {id, name}, homeOrganization, authorizedScope, OAuthClient {id, name}
GET /api/v2/authorization/subjects/me
    grants[]: division {id, name}, role.policies[]: domain, entityName, actions. One grant in the division "*", or,
    where a division was taken away, one in each that is left; entityName is "*" where the permission has two parts
    (agent-scripting:write is domain agent-scripting, entityName *, action write)
GET, PUT /api/v2/authorization/divisions[/{id} | /home]
    every division, whatever is granted: id, name, description, homeDivision. P none / authorization:division:edit
GET /api/v2/authorization/divisionspermitted/me · …/paged/me · …/paged/{client id}
    ?permission=routing:queue:view: the divisions in which the client has it, as a list or paged with allDivsPermitted
GET /api/v2/agentassist/configs
    paged, entities without `content`. P agentassist:config:read
GET, PUT /api/v2/agentassist/configs/{id}
    ETag "42-9f3c1a", If-None-Match. PUT: If-Match = live ETag and body version = live + 1, else
    428 precondition.required, 409 general.conflict or 412 precondition.failed (lost race), 400 or 409
    invalid.version. P agentassist:config:read / agentassist:config:write
GET /api/v2/agentassist/configs/{id}/versions
    paged, newest first: version, name, dateModified, modifiedBy {id, name}, modifiedByApp, selfUri
GET /api/v2/agentassist/configs/{id}/versions/{version}
    full snapshot, no ETag
the same under /api/v2/analytics/agentassist/configs
    P agentassist:config:read / analytics:agentassist-config:write
GET, PUT /api/v2/agent-scripting/sessions[/{id}]
    version + 1; ETag by switch (on for lamna), compared when If-Match is sent; lost race 409 "… currently locked
    or in a state …". P agent-scripting:read / agent-scripting:write
GET, PUT /api/v2/outbound/campaigns[/{id}]
    echo of the live version; 409 invalid.update.wrong.version, 409 invalid.update.campaign.active,
    400 "Invalid transition from <COMPLETE> to <OFF>". P outbound:campaign:view / outbound:campaign:edit
GET, PUT /api/v2/routing/queues[/{id}]
    no version, last write wins. P routing:queue:view / routing:queue:edit
GET, PUT /api/v2/outbound/contactlists, …/dnclists, …/callabletimesets[/{id}]
    echo; 409 invalid.update.wrong.version, 400 cannot.update.columns, 400 cannot.update.phone.columns.
    P outbound:contactList|dncList|callableTimeSet:view / …:edit
GET, PUT /api/v2/architect/schedules, …/schedulegroups[/{id}]
    echo; 400 "… does not match the current version …", 400 architect.schedule.not.found.
    P routing:schedule|scheduleGroup:view / …:edit
GET, PUT /api/v2/flows/datatables, /api/v2/routing/wrapupcodes[/{id}]
    no version. P architect:datatable|routing:wrapupCode:view / …:edit
GET, PUT /api/v2/groups[/{id}] · GET, PATCH /api/v2/users, /api/v2/locations[/{id}]
    echo; groups and users 409 general.conflict, locations 400. A write names owners, manager and contact by id,
    an answer as references. P none / directory:group|user|location:edit
GET, PUT /api/v2/telephony/providers/edges/sites[/{id}]
    echo, 400; location.not.found; a managed site 409. P telephony:sites:view or :plugin:all / telephony:plugin:all
GET, PUT /api/v2/responsemanagement/libraries, …/responses[/{id}]
    echo, 400; response.library.not.found; responses are listed by libraryId. P responses:library|response:view / …
GET /api/v2/webdeployments/configurations, …/{id}/versions[/{version}]
    cursors (after, pageSize, nextUri). P webDeployments:configuration:view / webDeployments:configuration:edit
GET, PUT …/{id}/versions/draft · POST …/{id}/versions/draft/publish
    no version; Pending for the propagation delay (a switch) after a PUT, 409 …configuration.not.active until then
GET, PUT /api/v2/webdeployments/deployments[/{id}]
    no version; configuration {id, version} must be published. P webDeployments:deployment:view / …:edit
GET, PATCH /api/v2/businessrules/decisiontables[/{id}] · GET …/{id}/versions[/{v}[/rows]]
    no version; name, description, columns. published and latest {id, version, selfUri}, latestVersionStatus; a
    version's status is Draft, Published or Superseded. Cursors; ?status= on versions, newest first
POST …/{id}/versions/{v}/rollback
    {"rollbackReason"?}: a Superseded version is Published again and none is made; 409 general.conflict otherwise.
    POST …/versions makes a Draft, PUT …/versions/{v}/publish publishes it. P businessrules:decisionTable:view /
    businessrules:decisionTable:edit and businessrules:businessRulesSchema:view and routing:queue:view
GET, PATCH /api/v2/knowledge/knowledgebases[/{kb}] · GET, PATCH …/{kb}/documents[/{id}]
    a GET shows what is published (lastPublishedVersionNumber, documentVersion {id}), ?state=Draft the draft that a
    PATCH changes; category, labels and variations only where ?expand= names them (a list with commas)
GET, POST …/documents/{id}/versions[/{uuid}]
    {id, versionNumber, datePublished, document, restoreFromVersionId?}, newest first; document is expanded likewise.
    POST {"restoreFromVersionId"} makes version n + 1 with that content, {} publishes the draft;
    400 knowledge.document.version.not.found. P knowledge:document:view / knowledge:document:edit (bases:
    knowledge:knowledgebase:…)
GET, PATCH /api/v2/integrations/actions[/{id}]
    echo; config only with ?includeConfig=true; contract and secure through the draft only
POST, GET, PATCH, DELETE …/actions/{id}/draft · POST …/draft/publish
    404 without a draft, POST 409 with one; a PATCH echoes the draft's version, publishing {"version"} too: 400
    "Supplied version 2 does not match latest draft version 3". It makes the action's version go on by one and
    removes the draft. P integrations:action:view or bridge:actions:view / integrations:action:edit
GET, PUT /api/v2/scim/v2/groups[/{id}] · …/users[/{id}]
    ETag "42" (a quoted number) and meta.version; If-None-Match 304; If-Match compared where it comes, stale 400
    {"schemas", "status": "400", "scimType": "invalidVers", "detail"}. Lists by startIndex and count, filter
    "id eq …". A group's displayName is read only. P directory:group:edit · directory:user:edit
GET /api/v2/workforcemanagement/businessunits[/{bu}] · GET, PATCH …/{bu}/planninggroups[/{id}]
    metadata.version echoed, stale 400 or 409 (switch wrong_version_status) wfm.version.mismatch. A body has routePaths
    {"values": [{"queueId", "mediaType"}]} and serviceGoalTemplateId, an answer routePaths [{"queue", "mediaType"}] and
    serviceGoalTemplate. P wfm:businessUnit:view · wfm:planningGroup:view / wfm:planningGroup:edit
northwind alone has the rest of the published types (paths and permissions as in resource_types.json):
    echo          outbound messagingcampaigns, sequences, campaignrules, contactlistfilters, rulesets,
                  callanalysisresponsesets, attemptlimits, wrapupcodemappings, settings (a PATCH answers 204);
                  telephony edgegroups, trunkbasesettings, phonebasesettings, didpools; architect ivrs, emergencygroups;
                  processautomation triggers; businessrules schemas (with versions); integrations/{id}/config/current;
                  organizations/me (409 general.conflict)
    unguarded     flows (409 architect.flow.locked.by.user, 410 when deleted; versions), architect prompts, assistants,
                  their copilot, variations and queues, agentchecklists, summaries settings, guides/{g}/versions/{v},
                  authorization roles, oauth clients (no secret), routing settings (no id) and skillgroups, alerting
                  rules, quality evaluation forms (versions; 400 quality.form.published), mediaretentionpolicies,
                  taskmanagement worktypes (…/versions: a version for each write, number in the versions only)
    read only     scripts (405), guides, integrations, businessunits
POST /api/v2/analytics/agentassist/conversations/query
    {"interval": "from/to", "filter": {"type": "and", "predicates": [{"dimension": "configurationId" |
    "configurationVersionId", "value": …}]}} -> {"results": [{"group": {"configurationId",
    "configurationVersionId", "mediaType"}, "data": [{"interval", "metrics": [{"metric": "nConversations",
    "stats": {"count"}}]}]}]}. The newest version listed is active in routing; it follows a write after the
    propagation delay. P analytics:conversationAggregate:view
POST /api/v2/audits/query/realtime
    interval, serviceName, filters [{property: EntityId | EntityType | UserId | ClientId | Action, value}], pageNumber,
    pageSize -> counted, without uris, the last 14 days: id, user, client {id, selfUri}, remoteIp, serviceName,
    eventDate, action, entityType, entity {id, name}, status, propertyChanges; no version, no correlation id.
    P audits:audit:view
POST /api/v2/audits/query · GET …/{id} · GET …/{id}/results?cursor=&pageSize=
    the same without 14 days: {id, state: Running | Succeeded}, then {id, pageSize, entities, cursor}, no cursor on the
    last page; 409 query.not.done while it runs. P audits:audit:view

A client that lacks a permission altogether is answered 403 missing.any.permissions, its names in the message and in
messageParams.permissions. What is in a division (member `division` {id, name}; the last queue of each organization and
the list "Vulnerable customers" are in one apart, northwind's "Card security") and may not be seen there is left out of
lists and totals; asked for by its id it is 403 missing.division.permission, "… in division [NAME]: [PERMISSION]",
messageParams permissions, division, divisionId. Types without a division, and reads that need no permission, are not
touched by divisions.

`content` of an assist configuration and `data` of a session are kept and served as the exact bytes between the
colon and the comma, white space included. A left-out member of a PUT is reset. Read-only members in a body are
ignored. modifiedByApp is the OAuth client's id when a client wrote, null when a person did.

Controls (JSON in, JSON out; on loopback only)
----------------------------------------------
POST /practice/faults           a rule: kind, method, path (regular expression, searched in the path), times
                                (default 1, null without end), after (let n pass first), seconds, when (before |
                                after the commit), lasts (seconds until the rule ends), organization (slug),
                                retry_after, by, content, step
GET, DELETE /practice/faults    the rules that stand; remove all
POST /practice/foreign-write    object (path), organization?, by?, and one of: edits [{"path": JSON Pointer,
                                "value"} or {"path", "remove": true}], body (whole object), content "other" |
                                "same" (default other: one small edit), or step {"method" (default POST), "path",
                                "body"}: somebody else makes that request under the platform's rules, with every
                                permission
POST /practice/delete           object (path), organization?: it vanishes (404)
POST /practice/permissions      organization, remove [..], add [..], reset true
POST /practice/divisions        organization, remove [..], add [..] (names or ids), reset true; permissions [..]: only
                                these there (default all)
POST /practice/tokens/revoke    organization?, expire?: 401 bad.credentials, or credentials.expired
POST /practice/switches         organization, and any of: unknown_keys "refuse" | "drop", lost_race_status 409 |
                                412, wrong_version_status 400 | 409, if_match_required, equal_write_succeeds,
                                session_etag, guards_enforced (false: no stale guard is refused), etags_enforced,
                                versions_enforced (false: the assist family does not compare the one), gzip,
                                requests_per_minute, token_seconds, propagation_seconds, quiet, audit_delay_seconds
                                (an entry of the audits comes so late), audits_lost (what is written meanwhile never
                                shows there), audit_query_seconds (how long an asynchronous query runs)
GET /practice/writes            every accepted write: sequence, at, organization, family, object, version, by,
                                client (null: no OAuth client), remote, method, if_match, etag, sha256 (of the body that
                                came), correlation_id, path; ?object=ID&organization=SLUG
GET /practice/requests          recent requests: at, method, path, query, status (null: connection broken),
                                correlation_id, organization, if_match, if_none_match, body_sha256, fault
GET /practice/organizations     slug, id, name, client_id, permissions, divisions, switches, objects
GET /                           a page with forms for a newcomer

Fault kinds (and their method, unless the rule names one; "write" is PUT, PATCH and POST, but for tokens and queries)
---------------------------------------------------------------------------------------------------------------------
These change the way, and can come together on one request:
    slow (any)              `seconds` before it is worked on
    stale_reads (GET)       with `seconds`: the state of that many seconds ago, without end;
                            without: the version before, for `times` reads
    foreign_write (write)   somebody (`by`) writes just before: content "other", "request" (equal to what the
                            request would leave) or "same" (live again), or makes the request `step`
    weak_etag (any)         the answer's ETag is W/"…"
    etag_changes_under_constant_version (GET)
Of these, which end the request, the first that matches wins:
    drop_before_commit, drop_after_commit (write)   connection reset, `seconds` later if given
    half_body (any)                                 worked on; the answer breaks off in the middle
    locked_409, conflict_412 (write)                nothing written
    refused (write)                                 nothing written; `refusal` says how: {status, code?, message?,
                                                    params?}
    false_409, false_412 (write)                    written all the same
    unavailable_503 (any)                           `when` before (default) or after the commit
    gateway_504 (any)                               worked on all the same
    timeout (any)                                   the answer is held for `seconds` (default 30); with `when`
                                                    before, the work itself is held: a late commit
    html_200, redirect_302, unauthorized_401 (any)  not worked on
    rate_limited_429 (any)                          not worked on; `seconds` in Retry-After, which
                                                    `retry_after` false leaves out
"""

BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attempts (
	run VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	trace VARCHAR NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (run, number), 
	FOREIGN KEY(run) REFERENCES runs (run), 
	FOREIGN KEY(trace) REFERENCES traces (trace)
);
INSERT INTO "attempts" VALUES('first',1,'t1','{"admitted":null,"advice":null,"episode":0,"execution":{"after":{"actions":null,"facts":{},"text":""},"arguments":{},"before":{"actions":null,"facts":{},"text":""},"error":null,"output":"","seconds":0.0,"skill_calls":[],"stopped":null,"trajectory":[],"value":null,"world_steps":0},"experience":{"calls":[]},"model_calls":[],"number":1,"program":{"source":"def fetch():\n    \"\"\"Fetch e7d3.\"\"\"\n    walk(''e7d3799'', ''e7d3799'', ''e7d3799'')\n    walk(''99ecc09'', ''99ecc09'')\n    walk(''09f5cbc'')\n    walk(''bc446aa'', ''bc446aa'', ''bc446aa'', ''bc446aa'')\n    walk(''aa0a79b'', ''aa0a79b'', ''aa0a79b'')\n    walk(''9bb1fb9'', ''9bb1fb9'')\n    walk(''b9d0126'', ''b9d0126'', ''b9d0126'', ''b9d0126'')\n    walk(''26395fa'', ''26395fa'', ''26395fa'')\n    walk(''fa19a59'', ''fa19a59'', ''fa19a59'', ''fa19a59'')\n    walk(''5903b74'', ''5903b74'')\n"},"proof":null,"rationale":"","retrieved":[],"reuses":null,"route":"write","seed":null,"steps_choosing":0,"verdict":{"by":"check","reason":"as recorded","score":1.0,"solved":true}}','9041aae89fa81400ca7036005ce5516ea04657eef842d8946182b9d1620cf23d','2026-11-21T13:45:14.016+00:00');
CREATE TABLE calls (
	caller VARCHAR(64) NOT NULL, 
	name VARCHAR NOT NULL, 
	callee VARCHAR(64) NOT NULL, 
	PRIMARY KEY (caller, name)
);
INSERT INTO "calls" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c','fetch','4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe');
CREATE TABLE effects (
	code_hash VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (code_hash, number)
);
INSERT INTO "effects" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',1,'{"arguments":{},"changed":2,"fact":"inventory.rope","n":2,"raised":2,"rise":1.0,"uses":0.0,"value":1}','4d706cce955164de77a69af29066364aa7e9f9790eeebfce3286941648de6cc1');
INSERT INTO "effects" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',1,'{"arguments":{},"changed":2,"fact":"inventory.rope","n":2,"raised":2,"rise":1.0,"uses":0.0,"value":1}','4d706cce955164de77a69af29066364aa7e9f9790eeebfce3286941648de6cc1');
INSERT INTO "effects" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',1,'{"arguments":{},"changed":2,"fact":"inventory.rope","n":2,"raised":2,"rise":1.0,"uses":0.0,"value":1}','4d706cce955164de77a69af29066364aa7e9f9790eeebfce3286941648de6cc1');
CREATE TABLE ledger (
	number INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	decision TEXT NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "ledger" VALUES(1,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','0000000000000000000000000000000000000000000000000000000000000000','a08d8498028e0d65070b3ed2f37ac7f5255d7c9fd41a29bcc026b2c4aaed62f6','2026-11-21T13:45:12.540+00:00');
INSERT INTO "ledger" VALUES(2,'{"base":null,"edits":[],"evidence":[],"kind":"activate","proposer":"test","rationale":"","targets":["4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','a08d8498028e0d65070b3ed2f37ac7f5255d7c9fd41a29bcc026b2c4aaed62f6','6549a23bc2a3706b52a402c59263953eeb2658966d43fde91f302a27991b134b','2026-11-21T13:45:12.604+00:00');
INSERT INTO "ledger" VALUES(3,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','6549a23bc2a3706b52a402c59263953eeb2658966d43fde91f302a27991b134b','4d8c650ab374f571d2cd5b691a8d07170ca9fe02ad8ae96919cefc9d5cb0dd1d','2026-11-21T13:45:12.690+00:00');
INSERT INTO "ledger" VALUES(4,'{"base":null,"edits":[],"evidence":[],"kind":"activate","proposer":"test","rationale":"","targets":["010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','4d8c650ab374f571d2cd5b691a8d07170ca9fe02ad8ae96919cefc9d5cb0dd1d','d8aa2b48e9792c6ea1bdd4149beb3c1c7dd6ec31d839b450596d712b0f77499f','2026-11-21T13:45:13.727+00:00');
INSERT INTO "ledger" VALUES(5,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','d8aa2b48e9792c6ea1bdd4149beb3c1c7dd6ec31d839b450596d712b0f77499f','f3fe4d2e65d9b2bed8e8e407b1c80e9fc87fe02f918bb3c81bcc799425a44233','2026-11-21T13:45:13.774+00:00');
INSERT INTO "ledger" VALUES(6,'{"base":null,"edits":[],"evidence":[],"kind":"activate","proposer":"test","rationale":"","targets":["2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','f3fe4d2e65d9b2bed8e8e407b1c80e9fc87fe02f918bb3c81bcc799425a44233','070d45389d362cb90c82bb696e8bb5ebe9a52f6fc8ae110d3fca45b98badbb85','2026-11-21T13:45:13.805+00:00');
INSERT INTO "ledger" VALUES(7,'{"base":null,"edits":[],"evidence":[],"kind":"retire","proposer":"test","rationale":"","targets":["2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','070d45389d362cb90c82bb696e8bb5ebe9a52f6fc8ae110d3fca45b98badbb85','be5783418cc8deb14c21ce68fb33e1fb9669521b86566797a7a186b574d26e9b','2026-11-21T13:45:13.852+00:00');
INSERT INTO "ledger" VALUES(8,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["8e1885d37fd60e8711be691568b0e1fa1e4a5f8b70a4d8c2479925dd9abe73f2"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','be5783418cc8deb14c21ce68fb33e1fb9669521b86566797a7a186b574d26e9b','efb3957391758c2bc3ebd9ac67ad4bf091824b23fa865afe9affbdfb369c2838','2026-11-21T13:45:13.904+00:00');
CREATE TABLE meta (
	"key" VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('application','skilllib');
INSERT INTO "meta" VALUES('format','1');
INSERT INTO "meta" VALUES('findable','7');
INSERT INTO "meta" VALUES('policy','evidence');
CREATE TABLE notes (
	run VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (run, "key"), 
	FOREIGN KEY(run) REFERENCES runs (run)
);
INSERT INTO "notes" VALUES('first','state','{"a":[1,null]}');
CREATE TABLE runs (
	run VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	options TEXT NOT NULL, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (run), 
	UNIQUE (sequence)
);
INSERT INTO "runs" VALUES('first',1,'{"seed":0}','2026-11-21T13:45:13.951+00:00');
CREATE TABLE statistics (
	code_hash VARCHAR(64) NOT NULL, 
	retrieved INTEGER NOT NULL, 
	called INTEGER NOT NULL, 
	solved INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	trials INTEGER NOT NULL, 
	successes INTEGER NOT NULL, 
	lower_bound FLOAT NOT NULL, 
	world_steps FLOAT NOT NULL, 
	PRIMARY KEY (code_hash)
);
INSERT INTO "statistics" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',3,2,1,0,2,2,0.5,3.0);
INSERT INTO "statistics" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',0,0,0,0,2,2,0.5,3.0);
INSERT INTO "statistics" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',0,0,0,0,2,2,0.5,3.0);
INSERT INTO "statistics" VALUES('8e1885d37fd60e8711be691568b0e1fa1e4a5f8b70a4d8c2479925dd9abe73f2',0,0,0,0,0,0,0.0,0.0);
CREATE TABLE tests (
	code_hash VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (code_hash, number)
);
INSERT INTO "tests" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',1,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":1,"world_steps":2}','502ee115e2e1c5cdba80dc0c0c9e0d6e9475277394872c66371f45a98a56284b');
INSERT INTO "tests" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',2,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":2,"world_steps":4}','4a3992ff628d7c5375e5f625cd3397ae29e97e3dac4a16df32ba21d93ac695cd');
INSERT INTO "tests" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',1,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":1,"world_steps":2}','502ee115e2e1c5cdba80dc0c0c9e0d6e9475277394872c66371f45a98a56284b');
INSERT INTO "tests" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',2,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":2,"world_steps":4}','4a3992ff628d7c5375e5f625cd3397ae29e97e3dac4a16df32ba21d93ac695cd');
INSERT INTO "tests" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',1,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":1,"world_steps":2}','502ee115e2e1c5cdba80dc0c0c9e0d6e9475277394872c66371f45a98a56284b');
INSERT INTO "tests" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',2,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":2,"world_steps":4}','4a3992ff628d7c5375e5f625cd3397ae29e97e3dac4a16df32ba21d93ac695cd');
CREATE TABLE traces (
	trace VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	run VARCHAR NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (trace), 
	UNIQUE (sequence), 
	FOREIGN KEY(run) REFERENCES runs (run)
);
INSERT INTO "traces" VALUES('t1',1,'first','{"attempts":[],"form":"code","model_calls":[],"profile":"","task":{"case":null,"check":"after.inventory.rope >= 1","context":"","environment":"yard","goal":"make a rope","id":"rope","lasting":true,"parameters":{},"repairs":null,"split":"train"}}','525c308844742054790a3112dd8dfddab7cdc97f411874c97a6427f481cea860','2026-11-21T13:45:13.992+00:00');
CREATE TABLE vectors (
	code_hash VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	vector BLOB NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (code_hash, fingerprint)
);
INSERT INTO "vectors" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe','hashing-1-16',X'25AC0B3E000000003882D1BE25AC8BBD3882513E0000000000000000416DF43E416DF4BE3882513E25AC8BBE388251BE25AC0B3E0000000025AC0BBE2F97AEBE','2be4497401f6cc04b00041d07b9c6b949224e4c52e1e6118358110f31d24dd40');
INSERT INTO "vectors" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c','hashing-1-16',X'EC24893E0000000062B74DBE62B74DBEEC24093EEC24893D00000000EC24893EEC2489BDEC24893D276E2BBFEC2489BDEC24093F0000000000000000EC2489BD','98338ec427b9640c3901db1b5f25ba097dd245fb427d99ac5a4e3cf6fd1b445b');
INSERT INTO "vectors" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1','hashing-1-16',X'388251BE0000000025AC0BBE25AC8BBD25AC0B3E00000000000000003882D13E3882513E3882D13E25AC8BBE000000002F972EBF000000000000000000000000','13bc19caac65be4ed83110db0bb41c1d1c0bc429f38188ca7bf100229b306593');
CREATE TABLE versions (
	version_hash VARCHAR(64) NOT NULL, 
	sequence INTEGER NOT NULL, 
	code_hash VARCHAR(64) NOT NULL, 
	name VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	entry INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (version_hash), 
	UNIQUE (name, version), 
	UNIQUE (sequence)
);
INSERT INTO "versions" VALUES('0a59c8f042c62bb5fddcfb9f65fd151dc0bb40f2d6c92f981aa0553b40314aa6',1,'4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe','fetch',1,'active',2,'{"calls":[],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"fetch","program":{"source":"def fetch():\n    \"\"\"Fetch e7d3.\"\"\"\n    walk(''e7d3799'', ''e7d3799'', ''e7d3799'')\n    walk(''99ecc09'', ''99ecc09'')\n    walk(''09f5cbc'')\n    walk(''bc446aa'', ''bc446aa'', ''bc446aa'', ''bc446aa'')\n    walk(''aa0a79b'', ''aa0a79b'', ''aa0a79b'')\n    walk(''9bb1fb9'', ''9bb1fb9'')\n    walk(''b9d0126'', ''b9d0126'', ''b9d0126'', ''b9d0126'')\n    walk(''26395fa'', ''26395fa'', ''26395fa'')\n    walk(''fa19a59'', ''fa19a59'', ''fa19a59'', ''fa19a59'')\n    walk(''5903b74'', ''5903b74'')\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','197ebec7def87e1ddbf1e85b3095860c902721119f477bac12f41610b3d65622','2026-11-21T13:45:12.541+00:00');
INSERT INTO "versions" VALUES('f147622fe3228666e1f3e1fc6590d811ef4f0141605145159179eddbc2f5fe24',2,'010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c','make_rope',1,'active',4,'{"calls":[{"code_hash":"4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe","name":"fetch"}],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"make_rope","program":{"source":"def make_rope():\n    \"\"\"Make rope a0a0.\"\"\"\n    walk(''a0a0f95'', ''a0a0f95'', ''a0a0f95'')\n    walk(''956dfd6'', ''956dfd6'')\n    walk(''d67d2e4'', ''d67d2e4'')\n    walk(''e4afc5a'', ''e4afc5a'', ''e4afc5a'')\n    walk(''5ab8286'', ''5ab8286'')\n    walk(''86c4736'')\n    walk(''36e3c84'', ''36e3c84'', ''36e3c84'', ''36e3c84'')\n    walk(''84686a8'')\n    walk(''a8915ab'', ''a8915ab'', ''a8915ab'')\n    walk(''ab40343'', ''ab40343'', ''ab40343'')\n    fetch()\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','9cfc5e14cf16a060201748e7541746b6267aeece29aa35bf1443bdec7303c586','2026-11-21T13:45:12.707+00:00');
INSERT INTO "versions" VALUES('63de1d143ea69a97bf1eab48702861570140c8c4239162bb8f623427b2edae99',3,'2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1','climb',1,'retired',7,'{"calls":[],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"climb","program":{"source":"def climb():\n    \"\"\"Climb d73d.\"\"\"\n    walk(''d73d3e7'', ''d73d3e7'')\n    walk(''e7a7e1d'', ''e7a7e1d'', ''e7a7e1d'')\n    walk(''1d18167'', ''1d18167'')\n    walk(''671a57f'', ''671a57f'', ''671a57f'')\n    walk(''7ff8583'', ''7ff8583'', ''7ff8583'', ''7ff8583'')\n    walk(''83f070a'')\n    walk(''0a1100a'')\n    walk(''0a5e92b'')\n    walk(''2ba6494'', ''2ba6494'', ''2ba6494'')\n    walk(''94eaf84'', ''94eaf84'')\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','a3ae96b79b12dd43e950cfc2aa9686e28de21c5e4bd41102a1a34d8de014bbc7','2026-11-21T13:45:13.774+00:00');
INSERT INTO "versions" VALUES('4233b0d188946d6d92fe8394ac117bc89aa4febfb4f099742a8ef3c69ad87324',4,'8e1885d37fd60e8711be691568b0e1fa1e4a5f8b70a4d8c2479925dd9abe73f2','swim',1,'trial',8,'{"calls":[],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"swim","program":{"source":"def swim():\n    \"\"\"Swim d493.\"\"\"\n    walk(''d493f88'', ''d493f88'')\n    walk(''8869139'')\n    walk(''39bac71'', ''39bac71'', ''39bac71'', ''39bac71'')\n    walk(''710b992'', ''710b992'', ''710b992'', ''710b992'')\n    walk(''92c1126'', ''92c1126'')\n    walk(''26f61b8'', ''26f61b8'', ''26f61b8'')\n    walk(''b8bef4b'', ''b8bef4b'', ''b8bef4b'', ''b8bef4b'')\n    walk(''4bbf2b0'')\n    walk(''b00b4b3'', ''b00b4b3'', ''b00b4b3'', ''b00b4b3'')\n    walk(''b3c047f'', ''b3c047f'', ''b3c047f'', ''b3c047f'')\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','40d72af1c1a92b97be5a9c69d0404de88fdbfd98b0f8c6b486fb7e9b0c87bbc6','2026-11-21T13:45:13.904+00:00');
CREATE UNIQUE INDEX one_active_version ON versions (name) WHERE status = 'active';
CREATE INDEX versions_status ON versions (status);
CREATE INDEX ix_versions_code_hash ON versions (code_hash);
CREATE INDEX ix_calls_callee ON calls (callee);
CREATE INDEX ix_traces_run ON traces (run);
CREATE INDEX ix_attempts_trace ON attempts (trace);
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts is append-only'); END;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts is append-only'); END;
COMMIT;

BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE aliases (
	name VARCHAR NOT NULL, 
	skill VARCHAR NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE attempts (
	run VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	trace VARCHAR NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (run, number), 
	FOREIGN KEY(run) REFERENCES runs (run), 
	FOREIGN KEY(trace) REFERENCES traces (trace)
);
INSERT INTO "attempts" VALUES('first',1,'t1','{"admitted":null,"advice":null,"episode":0,"execution":{"after":{"actions":null,"facts":{},"text":""},"arguments":{},"before":{"actions":null,"facts":{},"text":""},"error":null,"output":"","seconds":0.0,"skill_calls":[],"stopped":null,"trajectory":[],"value":null,"world_steps":0},"experience":{"calls":[]},"model_calls":[],"number":1,"program":{"source":"def fetch():\n    \"\"\"Fetch e7d3.\"\"\"\n    walk(''e7d3799'', ''e7d3799'', ''e7d3799'')\n    walk(''99ecc09'', ''99ecc09'')\n    walk(''09f5cbc'')\n    walk(''bc446aa'', ''bc446aa'', ''bc446aa'', ''bc446aa'')\n    walk(''aa0a79b'', ''aa0a79b'', ''aa0a79b'')\n    walk(''9bb1fb9'', ''9bb1fb9'')\n    walk(''b9d0126'', ''b9d0126'', ''b9d0126'', ''b9d0126'')\n    walk(''26395fa'', ''26395fa'', ''26395fa'')\n    walk(''fa19a59'', ''fa19a59'', ''fa19a59'', ''fa19a59'')\n    walk(''5903b74'', ''5903b74'')\n"},"proof":null,"rationale":"","retrieved":[],"reuses":null,"route":"write","seed":null,"steps_choosing":0,"verdict":{"by":"check","reason":"as recorded","score":1.0,"solved":true}}','9041aae89fa81400ca7036005ce5516ea04657eef842d8946182b9d1620cf23d','2026-11-21T13:45:14.016+00:00','295d5fe5f05b1a9eb595df5815e9837b18da71b652510609f5cce915b3936b20');
CREATE TABLE calls (
	caller VARCHAR(64) NOT NULL, 
	name VARCHAR NOT NULL, 
	callee VARCHAR(64) NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (caller, name)
);
INSERT INTO "calls" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c','fetch','4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe','e27111f54e1fe12680f6630b0f96a7cc946a144e36d77e5ca7f2393d7df32c9d');
CREATE TABLE effects (
	code_hash VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (code_hash, number)
);
INSERT INTO "effects" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',1,'{"arguments":{},"changed":2,"fact":"inventory.rope","n":2,"raised":2,"rise":1.0,"uses":0.0,"value":1}','4d706cce955164de77a69af29066364aa7e9f9790eeebfce3286941648de6cc1','300d99db3bc08e62d6549131ca79f6a934e3bc6f40512d1003e2a1d9bd240324');
INSERT INTO "effects" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',1,'{"arguments":{},"changed":2,"fact":"inventory.rope","n":2,"raised":2,"rise":1.0,"uses":0.0,"value":1}','4d706cce955164de77a69af29066364aa7e9f9790eeebfce3286941648de6cc1','112b03cf6f23a631e285f6172cc46e6d1bf0f015f527384739bed6d9c732808d');
INSERT INTO "effects" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',1,'{"arguments":{},"changed":2,"fact":"inventory.rope","n":2,"raised":2,"rise":1.0,"uses":0.0,"value":1}','4d706cce955164de77a69af29066364aa7e9f9790eeebfce3286941648de6cc1','e9393b24d9f90f58df94a56e216e72cf4f5d4acc36d4276e5a3029bf1923d997');
CREATE TABLE labels (
	label VARCHAR NOT NULL, 
	code_hash VARCHAR(64) NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (label, code_hash)
);
CREATE TABLE ledger (
	number INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	decision TEXT NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "ledger" VALUES(1,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','0000000000000000000000000000000000000000000000000000000000000000','a08d8498028e0d65070b3ed2f37ac7f5255d7c9fd41a29bcc026b2c4aaed62f6','2026-11-21T13:45:12.540+00:00','e14aeac81275c9495cb452c5b9dcfc93cc2396e02cdcdf456d88f4c3eada961d');
INSERT INTO "ledger" VALUES(2,'{"base":null,"edits":[],"evidence":[],"kind":"activate","proposer":"test","rationale":"","targets":["4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','a08d8498028e0d65070b3ed2f37ac7f5255d7c9fd41a29bcc026b2c4aaed62f6','6549a23bc2a3706b52a402c59263953eeb2658966d43fde91f302a27991b134b','2026-11-21T13:45:12.604+00:00','fb8ae7df6e069b8dd073cdcc7e28f96417d5cefaaed708b5a712daa7915b16fb');
INSERT INTO "ledger" VALUES(3,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','6549a23bc2a3706b52a402c59263953eeb2658966d43fde91f302a27991b134b','4d8c650ab374f571d2cd5b691a8d07170ca9fe02ad8ae96919cefc9d5cb0dd1d','2026-11-21T13:45:12.690+00:00','9041e93cf78da5f4d9b91404cbc423e6d6f581c0f38dd6c4b00439d6b78769f4');
INSERT INTO "ledger" VALUES(4,'{"base":null,"edits":[],"evidence":[],"kind":"activate","proposer":"test","rationale":"","targets":["010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','4d8c650ab374f571d2cd5b691a8d07170ca9fe02ad8ae96919cefc9d5cb0dd1d','d8aa2b48e9792c6ea1bdd4149beb3c1c7dd6ec31d839b450596d712b0f77499f','2026-11-21T13:45:13.727+00:00','97e815f0805871cfcf998ab9fdf7c88fcbfeb0fcad5fc7fd34421abe1ae30fea');
INSERT INTO "ledger" VALUES(5,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','d8aa2b48e9792c6ea1bdd4149beb3c1c7dd6ec31d839b450596d712b0f77499f','f3fe4d2e65d9b2bed8e8e407b1c80e9fc87fe02f918bb3c81bcc799425a44233','2026-11-21T13:45:13.774+00:00','d9db08ad253c4935d70a377a3506fc10e8c3c76e075376ac89af50fa3b1bfff5');
INSERT INTO "ledger" VALUES(6,'{"base":null,"edits":[],"evidence":[],"kind":"activate","proposer":"test","rationale":"","targets":["2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','f3fe4d2e65d9b2bed8e8e407b1c80e9fc87fe02f918bb3c81bcc799425a44233','070d45389d362cb90c82bb696e8bb5ebe9a52f6fc8ae110d3fca45b98badbb85','2026-11-21T13:45:13.805+00:00','7930509635f9e07c1d91be178f421d732a95131f445ca801e4cab58ea49f7dba');
INSERT INTO "ledger" VALUES(7,'{"base":null,"edits":[],"evidence":[],"kind":"retire","proposer":"test","rationale":"","targets":["2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1"]}','{"codes":["proven"],"figures":{},"outcome":"promote","reason":""}','070d45389d362cb90c82bb696e8bb5ebe9a52f6fc8ae110d3fca45b98badbb85','be5783418cc8deb14c21ce68fb33e1fb9669521b86566797a7a186b574d26e9b','2026-11-21T13:45:13.852+00:00','e5eb094bb40a1267e64186c1dc50f2d35cafad47c47a564bb05d04a3c21f8cff');
INSERT INTO "ledger" VALUES(8,'{"base":null,"edits":[],"evidence":[],"kind":"create","proposer":"search","rationale":"","targets":["8e1885d37fd60e8711be691568b0e1fa1e4a5f8b70a4d8c2479925dd9abe73f2"]}','{"codes":["trial"],"figures":{},"outcome":"need_more","reason":"solved ''rope'' once; needs a proof"}','be5783418cc8deb14c21ce68fb33e1fb9669521b86566797a7a186b574d26e9b','efb3957391758c2bc3ebd9ac67ad4bf091824b23fa865afe9affbdfb369c2838','2026-11-21T13:45:13.904+00:00','a0926b4bd0ed94f443d148a3d450b958dd2ef2c5f30f7381603a0c2f6a6ba9cf');
CREATE TABLE lexicon (
	number INTEGER NOT NULL, 
	code_hash VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	details TEXT NOT NULL, 
	length INTEGER NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (code_hash)
);
CREATE TABLE lookups (
	number INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE meta (
	"key" VARCHAR NOT NULL, 
	value TEXT NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('application','skilllib','a0faafa7edae9d7c1e3d093376f08bbd80019574a3017500b4d7ca28b3c4cc71');
INSERT INTO "meta" VALUES('format','5','d53235c24bc68b1da475eded94512b6e8885db4dca3afbd1e8dc491a26627d1d');
INSERT INTO "meta" VALUES('findable','7','319e748cb1dba7a182890ad7f9814edbc349c71123351c09e3f8803990587250');
INSERT INTO "meta" VALUES('policy','evidence','d0ad496f3ced5a42cc945d817b5d0164adca7d015aa34df63cd84950e8d0dd52');
INSERT INTO "meta" VALUES('identity','03daf892dee54200b56fb0b5656d305c','e6d5387533a8cf3f4cc6cfcb16d7ceeb5a47877c99fbab48b97bf909629bcfbb');
INSERT INTO "meta" VALUES('lexicon','-1 0','ab8ed3ab45f328723685ae32f531cceda379ed44dfaf1e67a7cd81387e9f3d3f');
INSERT INTO "meta" VALUES('calibration','','0f35f0b01daef498af3b1b208fb9df377d76a1409eddc64812d6f225ae17a8f9');
CREATE TABLE notes (
	run VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value TEXT NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (run, "key"), 
	FOREIGN KEY(run) REFERENCES runs (run)
);
INSERT INTO "notes" VALUES('first','state','{"a":[1,null]}','a191fb7e59cdbf08c9af00540ae2d9e89170b2322b2ded24f4c5724104828cd3');
CREATE TABLE outbox (
	number INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	payload TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	created_at VARCHAR NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE "records" (
    sequence INTEGER NOT NULL, record TEXT NOT NULL, digest VARCHAR(64) NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (sequence)
);
INSERT INTO "records" VALUES(1,'{"calls":[],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"fetch","program":{"source":"def fetch():\n    \"\"\"Fetch e7d3.\"\"\"\n    walk(''e7d3799'', ''e7d3799'', ''e7d3799'')\n    walk(''99ecc09'', ''99ecc09'')\n    walk(''09f5cbc'')\n    walk(''bc446aa'', ''bc446aa'', ''bc446aa'', ''bc446aa'')\n    walk(''aa0a79b'', ''aa0a79b'', ''aa0a79b'')\n    walk(''9bb1fb9'', ''9bb1fb9'')\n    walk(''b9d0126'', ''b9d0126'', ''b9d0126'', ''b9d0126'')\n    walk(''26395fa'', ''26395fa'', ''26395fa'')\n    walk(''fa19a59'', ''fa19a59'', ''fa19a59'', ''fa19a59'')\n    walk(''5903b74'', ''5903b74'')\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','197ebec7def87e1ddbf1e85b3095860c902721119f477bac12f41610b3d65622','3bd8494d5e92b995512f04ca08e5a1f733037b20e8e8e5ef5224744b4241307e');
INSERT INTO "records" VALUES(2,'{"calls":[{"code_hash":"4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe","name":"fetch"}],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"make_rope","program":{"source":"def make_rope():\n    \"\"\"Make rope a0a0.\"\"\"\n    walk(''a0a0f95'', ''a0a0f95'', ''a0a0f95'')\n    walk(''956dfd6'', ''956dfd6'')\n    walk(''d67d2e4'', ''d67d2e4'')\n    walk(''e4afc5a'', ''e4afc5a'', ''e4afc5a'')\n    walk(''5ab8286'', ''5ab8286'')\n    walk(''86c4736'')\n    walk(''36e3c84'', ''36e3c84'', ''36e3c84'', ''36e3c84'')\n    walk(''84686a8'')\n    walk(''a8915ab'', ''a8915ab'', ''a8915ab'')\n    walk(''ab40343'', ''ab40343'', ''ab40343'')\n    fetch()\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','9cfc5e14cf16a060201748e7541746b6267aeece29aa35bf1443bdec7303c586','b0172a280722993ee75d62b60c63cbadd345cc11432e7c9d17249d3328b0cf6b');
INSERT INTO "records" VALUES(3,'{"calls":[],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"climb","program":{"source":"def climb():\n    \"\"\"Climb d73d.\"\"\"\n    walk(''d73d3e7'', ''d73d3e7'')\n    walk(''e7a7e1d'', ''e7a7e1d'', ''e7a7e1d'')\n    walk(''1d18167'', ''1d18167'')\n    walk(''671a57f'', ''671a57f'', ''671a57f'')\n    walk(''7ff8583'', ''7ff8583'', ''7ff8583'', ''7ff8583'')\n    walk(''83f070a'')\n    walk(''0a1100a'')\n    walk(''0a5e92b'')\n    walk(''2ba6494'', ''2ba6494'', ''2ba6494'')\n    walk(''94eaf84'', ''94eaf84'')\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','a3ae96b79b12dd43e950cfc2aa9686e28de21c5e4bd41102a1a34d8de014bbc7','bdcd44573b8948918584417fcc4251f732765c30fa2492aa22ee12cd56eebe17');
INSERT INTO "records" VALUES(4,'{"calls":[],"contract":{"capabilities":[],"parameters":[],"provides":[],"requires":[]},"description":"","environment":"yard","name":"swim","program":{"source":"def swim():\n    \"\"\"Swim d493.\"\"\"\n    walk(''d493f88'', ''d493f88'')\n    walk(''8869139'')\n    walk(''39bac71'', ''39bac71'', ''39bac71'', ''39bac71'')\n    walk(''710b992'', ''710b992'', ''710b992'', ''710b992'')\n    walk(''92c1126'', ''92c1126'')\n    walk(''26f61b8'', ''26f61b8'', ''26f61b8'')\n    walk(''b8bef4b'', ''b8bef4b'', ''b8bef4b'', ''b8bef4b'')\n    walk(''4bbf2b0'')\n    walk(''b00b4b3'', ''b00b4b3'', ''b00b4b3'', ''b00b4b3'')\n    walk(''b3c047f'', ''b3c047f'', ''b3c047f'', ''b3c047f'')\n"},"provenance":{"environment":"","frontmatter":{},"merged_from":[],"run":"","seed":null,"task":"","writer":"search"},"status":"trial","text":null,"version":1}','40d72af1c1a92b97be5a9c69d0404de88fdbfd98b0f8c6b486fb7e9b0c87bbc6','808eef731d8f9085e4321c747f00ac14c27a65d9d640668f930f3085974bd604');
CREATE TABLE rejections (
	content VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (content)
);
CREATE TABLE resources (
	version_hash VARCHAR(64) NOT NULL, 
	path VARCHAR NOT NULL, 
	data BLOB NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (version_hash, path)
);
INSERT INTO "resources" VALUES('0a59c8f042c62bb5fddcfb9f65fd151dc0bb40f2d6c92f981aa0553b40314aa6','notes/knots.txt',X'C39C6265722C20756E6465722E0A','bb8b49265e653b49d994eabe5d3633ac89a192d6afd52d15f2c502946f694a3a','ac6f72aab878ce6483d4be89b4392f82fe2b38c817778cf6e560deacd81900bb');
CREATE TABLE runs (
	run VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	options TEXT NOT NULL, 
	created_at VARCHAR NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (run), 
	UNIQUE (sequence)
);
INSERT INTO "runs" VALUES('first',1,'{"seed":0}','2026-11-21T13:45:13.951+00:00','cb2b33cd356f704b95655ba6d47b2ccdf7f981d1a235eed22f9923048d8472ea');
CREATE TABLE "statistics" (
    code_hash VARCHAR(64) NOT NULL, retrieved INTEGER NOT NULL, called INTEGER NOT NULL, solved INTEGER NOT NULL,
    failed INTEGER NOT NULL, trials INTEGER NOT NULL, successes INTEGER NOT NULL, lower_bound FLOAT NOT NULL,
    world_steps FLOAT NOT NULL, tokens INTEGER DEFAULT '0' NOT NULL, usd FLOAT DEFAULT '0' NOT NULL,
    seal VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (code_hash)
) WITHOUT ROWID
;
INSERT INTO "statistics" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',0,0,0,0,2,2,0.5,3.0,0,0.0,'9ca3de1475f1ca8c2b79c7161c7d22b7c77742e2ec6add15c4e62581b0b9b986');
INSERT INTO "statistics" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',0,0,0,0,2,2,0.5,3.0,0,0.0,'c10a79d8ae65bfcd2300c0fdc9fe061ba91b426fc6e16ef1d62e336d37a4c30d');
INSERT INTO "statistics" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',3,2,1,0,2,2,0.5,3.0,0,0.0,'e7006ce81abc960f6d26676ee081f264e320a6600a45782e0764647ab28a8b53');
INSERT INTO "statistics" VALUES('8e1885d37fd60e8711be691568b0e1fa1e4a5f8b70a4d8c2479925dd9abe73f2',0,0,0,0,0,0,0.0,0.0,0,0.0,'4038f866301b821de94665c5be33f21a660bf546b1297d020a872786bd7a10df');
CREATE TABLE tests (
	code_hash VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (code_hash, number)
);
INSERT INTO "tests" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',1,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":1,"world_steps":2}','502ee115e2e1c5cdba80dc0c0c9e0d6e9475277394872c66371f45a98a56284b','8323e0231a02643506498a8093323110ad1e1719cc00041fac434fa1d89af8d4');
INSERT INTO "tests" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe',2,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":2,"world_steps":4}','4a3992ff628d7c5375e5f625cd3397ae29e97e3dac4a16df32ba21d93ac695cd','2f2bcbcb9f0b44bb3c61fb73d1bf60c6be7f229860abb07a6a5c774754898606');
INSERT INTO "tests" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',1,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":1,"world_steps":2}','502ee115e2e1c5cdba80dc0c0c9e0d6e9475277394872c66371f45a98a56284b','9f798153367df4cd967c78afa117a99f7a27658d4db4ffd39ade9f117310036f');
INSERT INTO "tests" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c',2,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":2,"world_steps":4}','4a3992ff628d7c5375e5f625cd3397ae29e97e3dac4a16df32ba21d93ac695cd','a814968f7ab958381f2052918969641d2ddadc8f397f8e734589a77f267153fa');
INSERT INTO "tests" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',1,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":1,"world_steps":2}','502ee115e2e1c5cdba80dc0c0c9e0d6e9475277394872c66371f45a98a56284b','7a87324ce83c151f538b2f97527517f0a7f11ae279c0b1b1a956b6876d224097');
INSERT INTO "tests" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1',2,'{"arguments":{},"changes":{"inventory.rope":[0,1]},"check":"after.inventory.rope >= 1","check_arguments":{},"environment":"yard","expected":true,"prefix":[],"seed":2,"world_steps":4}','4a3992ff628d7c5375e5f625cd3397ae29e97e3dac4a16df32ba21d93ac695cd','41a4c0bcc09dafb0efbc9a1f4ed6cb7e6f373247a34d2af6dd8b4b7865a01a80');
CREATE TABLE traces (
	trace VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	run VARCHAR NOT NULL, 
	record TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (trace), 
	UNIQUE (sequence), 
	FOREIGN KEY(run) REFERENCES runs (run)
);
INSERT INTO "traces" VALUES('t1',1,'first','{"attempts":[],"form":"code","model_calls":[],"profile":"","task":{"case":null,"check":"after.inventory.rope >= 1","context":"","environment":"yard","goal":"make a rope","id":"rope","lasting":true,"parameters":{},"repairs":null,"split":"train"}}','525c308844742054790a3112dd8dfddab7cdc97f411874c97a6427f481cea860','2026-11-21T13:45:13.992+00:00','d41bf7fb4d53272ee32034065c3f9999102befaad8067db2cbb812b32ab8b3db');
CREATE TABLE uses (
	code_hash VARCHAR(64) NOT NULL, 
	trace VARCHAR NOT NULL, 
	seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (code_hash, trace), 
	FOREIGN KEY(trace) REFERENCES traces (trace)
);
CREATE TABLE vectors (
	code_hash VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	vector BLOB NOT NULL, 
	digest VARCHAR(64) NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (code_hash, fingerprint)
);
INSERT INTO "vectors" VALUES('4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe','hashing-1-16',X'25AC0B3E000000003882D1BE25AC8BBD3882513E0000000000000000416DF43E416DF4BE3882513E25AC8BBE388251BE25AC0B3E0000000025AC0BBE2F97AEBE','2be4497401f6cc04b00041d07b9c6b949224e4c52e1e6118358110f31d24dd40','3eabba5453807bb692c4e5ad816472be9f810b44ae71d6b50d185623dfcb6650');
INSERT INTO "vectors" VALUES('010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c','hashing-1-16',X'EC24893E0000000062B74DBE62B74DBEEC24093EEC24893D00000000EC24893EEC2489BDEC24893D276E2BBFEC2489BDEC24093F0000000000000000EC2489BD','98338ec427b9640c3901db1b5f25ba097dd245fb427d99ac5a4e3cf6fd1b445b','6d3215176a404daa6d0a99f113640d1350828177bef561644c5b0160f36e7be7');
INSERT INTO "vectors" VALUES('2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1','hashing-1-16',X'388251BE0000000025AC0BBE25AC8BBD25AC0B3E00000000000000003882D13E3882513E3882D13E25AC8BBE000000002F972EBF000000000000000000000000','13bc19caac65be4ed83110db0bb41c1d1c0bc429f38188ca7bf100229b306593','5fffe3e1ca1f57e87a00566b4682f5229efe2666262cb86dd7b45da5a8f13aa6');
CREATE TABLE "versions" (
    sequence INTEGER NOT NULL, version_hash VARCHAR(64) NOT NULL, code_hash VARCHAR(64) NOT NULL, name VARCHAR NOT NULL,
    version INTEGER NOT NULL, status VARCHAR NOT NULL, entry INTEGER NOT NULL, created_at VARCHAR NOT NULL,
    seal VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (sequence), UNIQUE (version_hash), UNIQUE (name, version)
);
INSERT INTO "versions" VALUES(1,'0a59c8f042c62bb5fddcfb9f65fd151dc0bb40f2d6c92f981aa0553b40314aa6','4720fe80d671e7c5a5abe94c41913b095939ae3c0314140a06cd46b24153afbe','fetch',1,'active',2,'2026-11-21T13:45:12.541+00:00','ea693f490f01c83fa765037afcea87a977e021b6f83f9877cefe2c69bed266ad');
INSERT INTO "versions" VALUES(2,'f147622fe3228666e1f3e1fc6590d811ef4f0141605145159179eddbc2f5fe24','010369e3d06751f1ace368eaf6f7d41e4e2d24551d34f439ee660e0169702a9c','make_rope',1,'active',4,'2026-11-21T13:45:12.707+00:00','ff964900d2b5c6efbd550dbbadabc257c8228fa9dc350ab8f234a66024f6d564');
INSERT INTO "versions" VALUES(3,'63de1d143ea69a97bf1eab48702861570140c8c4239162bb8f623427b2edae99','2fad445d788efd3ba94c5fd3a6ef617f2a7553d78f54d89e53666fdc6a056ba1','climb',1,'retired',7,'2026-11-21T13:45:13.774+00:00','387c3427ef38600fd5edc624f01400409cf532c7a62188f6e30180354eef996c');
INSERT INTO "versions" VALUES(4,'4233b0d188946d6d92fe8394ac117bc89aa4febfb4f099742a8ef3c69ad87324','8e1885d37fd60e8711be691568b0e1fa1e4a5f8b70a4d8c2479925dd9abe73f2','swim',1,'trial',8,'2026-11-21T13:45:13.904+00:00','adfe546016d5406f4a41386b5c30be61a86ebc0f5a65a44b06a9033102751f48');
CREATE VIRTUAL TABLE words USING fts5(name, summary, details, content='lexicon', content_rowid='number', columnsize=0, detail=column, tokenize='unicode61 remove_diacritics 0');
CREATE VIRTUAL TABLE word_places USING fts5vocab('words', 'instance');
CREATE INDEX ix_traces_run ON traces (run);
CREATE INDEX ix_attempts_trace ON attempts (trace);
CREATE INDEX ix_labels_code_hash ON labels (code_hash);
CREATE TRIGGER lexicon_in AFTER INSERT ON lexicon BEGIN INSERT INTO words (rowid, name, summary, details) VALUES (new.number, new.name, new.summary, new.details); END;
CREATE TRIGGER lexicon_out AFTER DELETE ON lexicon BEGIN INSERT INTO words (words, rowid, name, summary, details) VALUES ('delete', old.number, old.name, old.summary, old.details); END;
CREATE TRIGGER lexicon_new AFTER UPDATE ON lexicon BEGIN INSERT INTO words (words, rowid, name, summary, details) VALUES ('delete', old.number, old.name, old.summary, old.details); INSERT INTO words (rowid, name, summary, details) VALUES (new.number, new.name, new.summary, new.details); END;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts is append-only'); END;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts is append-only'); END;
CREATE INDEX ix_calls_callee ON calls (callee, caller);
CREATE INDEX ix_versions_code_hash ON versions (code_hash);
CREATE UNIQUE INDEX one_active_version ON versions (name) WHERE status = 'active';
COMMIT;

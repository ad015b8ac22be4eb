-- What can be ordered and what it is made of: versions of the catalogue, and codes added by imports.

CREATE TABLE catalog_version (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version        text NOT NULL,
  hash           text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  content        jsonb NOT NULL,
  effective_from timestamptz NOT NULL,
  installed_at   timestamptz NOT NULL,
  installed_by   text NOT NULL,
  CONSTRAINT catalog_version_version_key UNIQUE (version)
);
CREATE INDEX catalog_version_effective ON catalog_version (effective_from, id);

CREATE TABLE catalog_addition (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind     text NOT NULL CHECK (kind IN ('color', 'option')),
  code     text NOT NULL,
  content  jsonb NOT NULL,
  source   text NOT NULL,
  added_at timestamptz NOT NULL,
  CONSTRAINT catalog_addition_code_key UNIQUE (code)
);

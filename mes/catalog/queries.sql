-- head_at --
-- The catalogue in force at an instant; of two that start together the later installed one.
SELECT c.id, c.version, c.hash,
       (SELECT coalesce(string_agg(a.code, ' ' ORDER BY a.id), '') FROM catalog_addition a) AS additions
  FROM catalog_version c
 WHERE c.effective_from <= %(at)s
 ORDER BY c.effective_from DESC, c.id DESC
 LIMIT 1

-- hash_of_version --
-- A version is installed once; the same name with another content is a mistake.
SELECT hash FROM catalog_version WHERE version = %(version)s

-- content --
-- The document of a version.
SELECT content FROM catalog_version WHERE id = %(id)s

-- additions --
-- Colours and options that imports added, in the order in which they came.
SELECT kind, content FROM catalog_addition ORDER BY id

-- add_version --
-- A version of the catalogue comes into force at effective_from.
INSERT INTO catalog_version (version, hash, content, effective_from, installed_at, installed_by)
VALUES (%(version)s, %(hash)s, %(content)s::jsonb, %(effective_from)s, %(installed_at)s,
        %(installed_by)s)

-- add_addition --
-- A code that is there already stays as it is.
INSERT INTO catalog_addition (kind, code, content, source, added_at)
VALUES (%(kind)s, %(code)s, %(content)s::jsonb, %(source)s, %(added_at)s)
ON CONFLICT ON CONSTRAINT catalog_addition_code_key DO NOTHING

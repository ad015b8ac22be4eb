-- add_pipeline --
INSERT INTO vision_pipeline (id, name, head, created_at, created_by)
VALUES (%(id)s, %(name)s, %(head)s, %(created_at)s, %(created_by)s)
ON CONFLICT (name) DO NOTHING

-- pipelines --
SELECT id, name, head, created_at, created_by FROM vision_pipeline ORDER BY name

-- pipeline --
SELECT id, name, head, created_at, created_by FROM vision_pipeline WHERE id = %(id)s

-- pipeline_for_update --
SELECT id, name, head, created_at, created_by FROM vision_pipeline WHERE id = %(id)s FOR UPDATE

-- set_head --
UPDATE vision_pipeline SET head = %(head)s WHERE id = %(id)s

-- drop_pipeline --
-- Its versions and pictures go with it.
DELETE FROM vision_pipeline WHERE id = %(id)s

-- add_version --
INSERT INTO vision_pipeline_version (pipeline_id, number, content_sha256, document, can_run, note, saved_at, saved_by)
VALUES (%(pipeline_id)s, %(number)s, %(content_sha256)s, %(document)s::jsonb, %(can_run)s, %(note)s, %(saved_at)s,
        %(saved_by)s)

-- versions --
-- The versions of a pipeline, the newest first.
SELECT pipeline_id, number, content_sha256, document, can_run, note, saved_at, saved_by
  FROM vision_pipeline_version WHERE pipeline_id = %(pipeline_id)s ORDER BY number DESC LIMIT 200

-- version --
SELECT pipeline_id, number, content_sha256, document, can_run, note, saved_at, saved_by
  FROM vision_pipeline_version WHERE pipeline_id = %(pipeline_id)s AND number = %(number)s

-- keep_picture --
INSERT INTO vision_pipeline_picture (pipeline_id, sha256) VALUES (%(pipeline_id)s, %(sha256)s)
ON CONFLICT DO NOTHING

-- save_publication --
INSERT INTO vision_publication (id, camera, pipeline_id, number, content_sha256, bundle_sha256, state, began_at,
                                changed_at, changed_by, reason, followed, every)
VALUES (%(id)s, %(camera)s, %(pipeline_id)s, %(number)s, %(content_sha256)s, %(bundle_sha256)s, %(state)s,
        %(began_at)s, %(changed_at)s, %(changed_by)s, %(reason)s, %(followed)s, %(every)s)
ON CONFLICT (id) DO UPDATE
   SET state = excluded.state, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
       reason = excluded.reason, followed = excluded.followed, every = excluded.every

-- in_force --
SELECT p.id, p.camera, p.pipeline_id, p.number, p.content_sha256, p.bundle_sha256, p.state, p.began_at,
       p.changed_at, p.changed_by, p.reason, p.followed, n.name, p.every
  FROM vision_publication AS p JOIN vision_pipeline AS n ON n.id = p.pipeline_id
 WHERE p.state <> 'retired' ORDER BY p.camera, p.id

-- at_camera_for_update --
SELECT p.id, p.camera, p.pipeline_id, p.number, p.content_sha256, p.bundle_sha256, p.state, p.began_at,
       p.changed_at, p.changed_by, p.reason, p.followed, n.name, p.every
  FROM vision_publication AS p JOIN vision_pipeline AS n ON n.id = p.pipeline_id
 WHERE p.camera = %(camera)s AND p.state <> 'retired' FOR UPDATE OF p

-- publication --
SELECT p.id, p.camera, p.pipeline_id, p.number, p.content_sha256, p.bundle_sha256, p.state, p.began_at,
       p.changed_at, p.changed_by, p.reason, p.followed, n.name, p.every
  FROM vision_publication AS p JOIN vision_pipeline AS n ON n.id = p.pipeline_id
 WHERE p.id = %(id)s

-- publications_of --
-- Where a pipeline has been published, the newest change first.
SELECT p.id, p.camera, p.pipeline_id, p.number, p.content_sha256, p.bundle_sha256, p.state, p.began_at,
       p.changed_at, p.changed_by, p.reason, p.followed, n.name, p.every
  FROM vision_publication AS p JOIN vision_pipeline AS n ON n.id = p.pipeline_id
 WHERE p.pipeline_id = %(pipeline_id)s ORDER BY p.changed_at DESC, p.id DESC LIMIT 50

-- history_of --
-- The pipelines of a camera, the newest change first.
SELECT p.id, p.camera, p.pipeline_id, p.number, p.content_sha256, p.bundle_sha256, p.state, p.began_at,
       p.changed_at, p.changed_by, p.reason, p.followed, n.name, p.every
  FROM vision_publication AS p JOIN vision_pipeline AS n ON n.id = p.pipeline_id
 WHERE p.camera = %(camera)s ORDER BY p.changed_at DESC, p.id DESC LIMIT 50

-- is_bundle --
SELECT 1 FROM vision_publication WHERE bundle_sha256 = %(sha256)s LIMIT 1

-- add_steps --
INSERT INTO inspection_steps (inspection_id, measures, step_ms)
VALUES (%(inspection_id)s, %(measures)s::jsonb, %(step_ms)s::jsonb)
ON CONFLICT (inspection_id) DO NOTHING

-- steps --
SELECT measures, step_ms FROM inspection_steps WHERE inspection_id = %(inspection_id)s

-- pictures_of --
-- The newest pictures of a camera that are here, each once.
SELECT i.id, i.image_sha256, i.image_w, i.image_h, i.verdict, i.score, i.variant, i.triggered_at
  FROM inspection AS i JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE i.camera = %(camera)s
 ORDER BY i.triggered_at DESC LIMIT %(limit)s

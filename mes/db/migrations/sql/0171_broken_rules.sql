-- A broken rule is stored as its code, subject and facts, so that it can be told in every language; what is
-- stored already keeps its sentence.
UPDATE plan
   SET violations = (SELECT jsonb_agg(jsonb_build_object('code', '', 'subject', '', 'facts', '{}'::jsonb,
                                                         'reason', said))
                       FROM jsonb_array_elements_text(violations) AS said)
 WHERE jsonb_typeof(violations -> 0) = 'string';
UPDATE plan_branch
   SET violations = (SELECT jsonb_agg(jsonb_build_object('code', '', 'subject', '', 'facts', '{}'::jsonb,
                                                         'reason', said))
                       FROM jsonb_array_elements_text(violations) AS said)
 WHERE jsonb_typeof(violations -> 0) = 'string';

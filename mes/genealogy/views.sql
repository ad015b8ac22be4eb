-- bodies_with_lot --
-- Every car that holds anything of a lot: one row a body, with all places where it was built in.
SELECT b.id AS body_id, b.number, b.vin, b.model, b.color, b.condition, b.place,
       coalesce(b.store, b.station, b.bay) AS at, u.material, u.lot, u.serial, u.quantity, u.line,
       u.station, u.built_at
  FROM built_in AS u JOIN body AS b ON b.id = u.body_id
 WHERE u.lot = %(lot)s ORDER BY b.number, u.built_at

-- bodies_with_serial --
SELECT b.id AS body_id, b.number, b.vin, b.model, b.color, b.condition, b.place,
       coalesce(b.store, b.station, b.bay) AS at, u.material, u.lot, u.serial, u.quantity, u.line,
       u.station, u.built_at
  FROM built_in AS u JOIN body AS b ON b.id = u.body_id
 WHERE u.serial = %(serial)s ORDER BY b.number, u.built_at

-- parts_of_vin --
-- Everything built into the bodies that carry or carried a VIN.
SELECT b.id AS body_id, b.number, b.vin, b.model, b.color, b.condition, b.place,
       coalesce(b.store, b.station, b.bay) AS at, u.material, u.lot, u.serial, u.quantity, u.line,
       u.station, u.built_at
  FROM built_in AS u JOIN body AS b ON b.id = u.body_id
 WHERE b.vin = %(vin)s ORDER BY b.number, u.built_at

-- Demo data: the stock of a small hardware shop, typed in by hand as anybody may do it.
--
-- For a store that has no items yet. The guards of 001_stock.sql write the ledger (kind `edit`), so
-- this is also the longest example of hand edits there is: triggers must be on while it runs.

INSERT INTO location (code, name) VALUES
	('WH1',  'Main warehouse'),
	('WH2',  'Warehouse at the harbour'),
	('SHOP', 'Shop floor'),
	('RET',  'Returns, to be inspected');

INSERT INTO item (sku, name, unit, backorder_limit, reorder_point, attributes) VALUES
	('A-1', 'Hex bolt M8 x 40, galvanised',   'piece', 0,   200,  '{"thread":"M8","length_mm":40}'),
	('A-2', 'Hex nut M8, galvanised',         'piece', 0,   200,  '{"thread":"M8"}'),
	('A-3', 'Washer M8, stainless',           'piece', 0,   500,  '{"thread":"M8"}'),
	('A-4', 'Wood screw 4 x 50, box of 200',  'box',   0,   20,   '{"length_mm":50,"pieces":200}'),
	('A-5', 'Wood screw 5 x 80, box of 100',  'box',   0,   20,   '{"length_mm":80,"pieces":100}'),
	('A-6', 'Wall plug 8 mm, box of 100',     'box',   0,   15,   '{"pieces":100}'),
	('A-7', 'Threaded rod M10, 1 m',          'piece', 0,   10,   '{"thread":"M10","length_mm":1000}'),
	('A-8', 'Nail 3.1 x 70, 5 kg',            'pack',  0,   8,    '{"weight_g":5000}'),
	('B-1', 'Claw hammer 450 g',              'piece', 0,   6,    '{"weight_g":450}'),
	('B-2', 'Screwdriver set, 6 pieces',      'set',   0,   5,    NULL),
	('B-3', 'Cordless drill 18 V',            'piece', 5,   4,    '{"warranty_months":24}'),
	('B-4', 'Battery 18 V, 4 Ah',             'piece', 5,   6,    '{"dangerous_goods":"UN3480"}'),
	('B-5', 'Spirit level 60 cm',             'piece', 0,   4,    NULL),
	('B-6', 'Hand saw, fine',                 'piece', 0,   4,    NULL),
	('B-7', 'Tape measure 5 m',               'piece', 0,   10,   NULL),
	('B-8', 'Combination pliers 180 mm',      'piece', 0,   6,    NULL),
	('C-1', 'Wall paint white, 10 l',         'can',   0,   12,   '{"colour":"white","litres":10}'),
	('C-2', 'Wall paint sand, 5 l',           'can',   0,   6,    '{"colour":"sand","litres":5}'),
	('C-3', 'Wood glaze walnut, 2.5 l',       'can',   0,   4,    '{"colour":"walnut","litres":2.5}'),
	('C-4', 'Primer, 5 l',                    'can',   0,   5,    '{"litres":5}'),
	('C-5', 'Paint roller 25 cm',             'piece', 0,   10,   NULL),
	('C-6', 'Flat brush 50 mm',               'piece', 0,   20,   NULL),
	('C-7', 'Masking tape 38 mm x 50 m',      'roll',  0,   30,   NULL),
	('D-1', 'Cable 3 x 1.5 mm², ring of 50 m', 'ring', 0,   4,    '{"length_mm":50000}'),
	('D-2', 'Socket, flush, white',           'piece', 0,   25,   NULL),
	('D-3', 'Light switch, two-way',          'piece', 0,   15,   NULL),
	('D-4', 'LED bulb E27, 9 W',              'piece', 0,   40,   '{"socket":"E27","watt":9}'),
	('D-5', 'Circuit breaker B16',            'piece', 20,  10,   NULL),
	('D-6', 'Smoke alarm, 10-year battery',   'piece', 0,   12,   NULL),
	('E-1', 'Garden hose 1/2", 25 m',         'piece', 0,   5,    NULL),
	('E-2', 'Spade, ash handle',              'piece', 0,   3,    NULL),
	('E-3', 'Potting soil, 40 l',             'bag',   0,   30,   '{"litres":40}'),
	('E-4', 'Lawn seed, 2 kg',                'bag',   0,   10,   '{"weight_g":2000}'),
	('E-5', 'Watering can 10 l, zinc',        'piece', 0,   3,    NULL),
	('F-1', 'Water tap, kitchen, chrome',     'piece', 2,   3,    NULL),
	('F-2', 'Siphon 1 1/4", chrome',          'piece', 0,   4,    NULL),
	('F-3', 'Seal assortment, 150 pieces',    'set',   0,   NULL, NULL),
	('G-1', 'Limited edition: golden hammer', 'piece', 0,   NULL, '{"numbered":true}');

-- The delivery of the first morning. G-1 is the one to race for: ten units, and not one more.
INSERT INTO v_stock (sku, location, on_hand) VALUES
	('A-1', 'WH1', 12000), ('A-1', 'WH2', 8000), ('A-1', 'SHOP', 450),
	('A-2', 'WH1', 12500), ('A-2', 'WH2', 6400), ('A-2', 'SHOP', 380),
	('A-3', 'WH1', 30000), ('A-3', 'SHOP', 520),
	('A-4', 'WH1', 240),   ('A-4', 'SHOP', 36),
	('A-5', 'WH1', 180),   ('A-5', 'SHOP', 24),
	('A-6', 'WH1', 95),    ('A-6', 'SHOP', 22),
	('A-7', 'WH2', 140),   ('A-7', 'SHOP', 12),
	('A-8', 'WH2', 64),    ('A-8', 'SHOP', 9),
	('B-1', 'WH1', 48),    ('B-1', 'SHOP', 11),
	('B-2', 'WH1', 30),    ('B-2', 'SHOP', 8),
	('B-3', 'WH1', 22),    ('B-3', 'SHOP', 5),   ('B-3', 'RET', 2),
	('B-4', 'WH1', 37),    ('B-4', 'SHOP', 9),
	('B-5', 'WH1', 18),    ('B-5', 'SHOP', 6),
	('B-6', 'WH1', 25),    ('B-6', 'SHOP', 7),
	('B-7', 'WH1', 120),   ('B-7', 'SHOP', 19),
	('B-8', 'WH1', 40),    ('B-8', 'SHOP', 9),
	('C-1', 'WH2', 160),   ('C-1', 'SHOP', 18),
	('C-2', 'WH2', 44),    ('C-2', 'SHOP', 9),   ('C-2', 'RET', 1),
	('C-3', 'WH2', 31),    ('C-3', 'SHOP', 6),
	('C-4', 'WH2', 28),    ('C-4', 'SHOP', 7),
	('C-5', 'WH1', 85),    ('C-5', 'SHOP', 16),
	('C-6', 'WH1', 210),   ('C-6', 'SHOP', 33),
	('C-7', 'WH1', 360),   ('C-7', 'SHOP', 48),
	('D-1', 'WH1', 26),    ('D-1', 'SHOP', 6),
	('D-2', 'WH1', 400),   ('D-2', 'SHOP', 52),
	('D-3', 'WH1', 220),   ('D-3', 'SHOP', 31),
	('D-4', 'WH1', 900),   ('D-4', 'SHOP', 75),  ('D-4', 'RET', 4),
	('D-5', 'WH1', 150),   ('D-5', 'SHOP', 18),
	('D-6', 'WH1', 60),    ('D-6', 'SHOP', 14),
	('E-1', 'WH2', 33),    ('E-1', 'SHOP', 8),
	('E-2', 'WH2', 15),    ('E-2', 'SHOP', 5),
	('E-3', 'WH2', 420),   ('E-3', 'SHOP', 60),
	('E-4', 'WH2', 70),    ('E-4', 'SHOP', 12),
	('E-5', 'WH2', 12),    ('E-5', 'SHOP', 4),
	('F-1', 'WH1', 11),    ('F-1', 'SHOP', 4),   ('F-1', 'RET', 1),
	('F-2', 'WH1', 36),    ('F-2', 'SHOP', 9),
	('F-3', 'WH1', 20),    ('F-3', 'SHOP', 5),
	('G-1', 'SHOP', 10);

-- A walk along the shelves in the evening found less than the morning brought.
UPDATE v_stock SET on_hand = 380 WHERE sku = 'A-1' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 17  WHERE sku = 'A-4' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 2   WHERE sku = 'B-3' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 5   WHERE sku = 'B-7' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 0   WHERE sku = 'C-3' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 31  WHERE sku = 'D-4' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 2   WHERE sku = 'E-5' AND location = 'SHOP';
UPDATE v_stock SET on_hand = 865 WHERE sku = 'D-4' AND location = 'WH1';

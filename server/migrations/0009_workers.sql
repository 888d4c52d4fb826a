-- The workers whose sockets a server has, as it told last: a page on any server shows all.
ALTER TABLE servers ADD COLUMN workers TEXT;

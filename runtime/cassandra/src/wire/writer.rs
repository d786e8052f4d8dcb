//! The primitives of the protocol, appended to a body.

/// What does not fit its length prefix is cut: only messages and names, which no client can make that long.
pub(crate) trait Put {
    fn short(&mut self, value: u16);
    fn int(&mut self, value: i32);
    fn string(&mut self, text: &str);
    fn string_list<S: AsRef<str>>(&mut self, list: &[S]);
    fn short_bytes(&mut self, bytes: &[u8]);
    fn bytes(&mut self, bytes: Option<&[u8]>);
}

impl Put for Vec<u8> {
    fn short(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn int(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn string(&mut self, text: &str) {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.short(end as u16);
        self.extend_from_slice(&text.as_bytes()[..end]);
    }

    fn string_list<S: AsRef<str>>(&mut self, list: &[S]) {
        let count = list.len().min(usize::from(u16::MAX));
        self.short(count as u16);
        list[..count].iter().for_each(|text| self.string(text.as_ref()));
    }

    fn short_bytes(&mut self, bytes: &[u8]) {
        let end = bytes.len().min(usize::from(u16::MAX));
        self.short(end as u16);
        self.extend_from_slice(&bytes[..end]);
    }

    fn bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.int(bytes.len() as i32);
                self.extend_from_slice(bytes);
            }
            None => self.int(-1),
        }
    }
}

//! Enums of plain words: one word each in SQL, messages and logs.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in SQL, messages and logs. The API says it in upper case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::booking::UnknownWord;
            fn from_str(text: &str) -> Result<Self, $crate::booking::UnknownWord> {
                match text { $($word => Ok(Self::$variant),)* _ => Err($crate::booking::UnknownWord) }
            }
        }
    };
}

pub(crate) use words;

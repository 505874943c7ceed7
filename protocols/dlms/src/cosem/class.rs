//! Names of classes, attributes and methods, as the Blue Book writes them.

/// What a class has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: &'static str,
    /// Names of the attributes from 2 on; 1 is always the logical name.
    attributes: &'static [&'static str],
    /// Names of the methods from 1 on.
    methods: &'static [&'static str],
}

impl Class {
    /// The class with this number.
    pub fn of(id: u16) -> Option<&'static Class> {
        let at = CLASSES.binary_search_by_key(&id, |class| class.id).ok()?;
        CLASSES.get(at)
    }
    /// The name of an attribute.
    pub fn attribute(&self, number: i8) -> Option<&'static str> {
        match number {
            0 => Some("all attributes"),
            1 => Some("logical_name"),
            _ => self.attributes.get(usize::try_from(number).ok()?.checked_sub(2)?).copied(),
        }
    }
    /// The name of a method.
    pub fn method(&self, number: i8) -> Option<&'static str> {
        self.methods.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }
    /// The highest attribute that has a name.
    pub fn attribute_count(&self) -> usize {
        self.attributes.len() + 1
    }
}

/// By number.
const CLASSES: &[Class] = &[
    Class { id: 1, name: "Data", attributes: &["value"], methods: &[] },
    Class { id: 3, name: "Register", attributes: &["value", "scaler_unit"], methods: &["reset"] },
    Class {
        id: 4,
        name: "Extended register",
        attributes: &["value", "scaler_unit", "status", "capture_time"],
        methods: &["reset"],
    },
    Class {
        id: 5,
        name: "Demand register",
        attributes: &[
            "current_average_value",
            "last_average_value",
            "scaler_unit",
            "status",
            "capture_time",
            "start_time_current",
            "period",
            "number_of_periods",
        ],
        methods: &["reset", "next_period"],
    },
    Class {
        id: 6,
        name: "Register activation",
        attributes: &["register_assignment", "mask_list", "active_mask"],
        methods: &["add_register", "add_mask", "delete_mask"],
    },
    Class {
        id: 7,
        name: "Profile generic",
        attributes: &[
            "buffer",
            "capture_objects",
            "capture_period",
            "sort_method",
            "sort_object",
            "entries_in_use",
            "profile_entries",
        ],
        methods: &["reset", "capture", "get_buffer_by_range", "get_buffer_by_index"],
    },
    Class {
        id: 8,
        name: "Clock",
        attributes: &[
            "time",
            "time_zone",
            "status",
            "daylight_savings_begin",
            "daylight_savings_end",
            "daylight_savings_deviation",
            "daylight_savings_enabled",
            "clock_base",
        ],
        methods: &[
            "adjust_to_quarter",
            "adjust_to_measuring_period",
            "adjust_to_minute",
            "adjust_to_preset_time",
            "preset_adjusting_time",
            "shift_time",
        ],
    },
    Class { id: 9, name: "Script table", attributes: &["scripts"], methods: &["execute"] },
    Class { id: 10, name: "Schedule", attributes: &["entries"], methods: &["enable/disable", "insert", "delete"] },
    Class { id: 11, name: "Special days table", attributes: &["entries"], methods: &["insert", "delete"] },
    Class {
        id: 12,
        name: "Association SN",
        attributes: &["object_list", "access_rights_list", "security_setup_reference"],
        methods: &["", "", "read_by_logicalname", "", "change_secret", "", "", "reply_to_HLS_authentication"],
    },
    Class {
        id: 15,
        name: "Association LN",
        attributes: &[
            "object_list",
            "associated_partners_id",
            "application_context_name",
            "xDLMS_context_info",
            "authentication_mechanism_name",
            "secret",
            "association_status",
            "security_setup_reference",
            "user_list",
            "current_user",
        ],
        methods: &[
            "reply_to_HLS_authentication",
            "change_HLS_secret",
            "add_object",
            "remove_object",
            "add_user",
            "remove_user",
        ],
    },
    Class {
        id: 17,
        name: "SAP assignment",
        attributes: &["SAP_assignment_list"],
        methods: &["connect_logical_device"],
    },
    Class {
        id: 18,
        name: "Image transfer",
        attributes: &[
            "image_block_size",
            "image_transferred_blocks_status",
            "image_first_not_transferred_block_number",
            "image_transfer_enabled",
            "image_transfer_status",
            "image_to_activate_info",
        ],
        methods: &["image_transfer_initiate", "image_block_transfer", "image_verify", "image_activate"],
    },
    Class {
        id: 19,
        name: "IEC local port setup",
        attributes: &[
            "default_mode",
            "default_baud",
            "prop_baud",
            "response_time",
            "device_addr",
            "pass_p1",
            "pass_p2",
            "pass_w5",
        ],
        methods: &[],
    },
    Class {
        id: 20,
        name: "Activity calendar",
        attributes: &[
            "calendar_name_active",
            "season_profile_active",
            "week_profile_table_active",
            "day_profile_table_active",
            "calendar_name_passive",
            "season_profile_passive",
            "week_profile_table_passive",
            "day_profile_table_passive",
            "activate_passive_calendar_time",
        ],
        methods: &["activate_passive_calendar"],
    },
    Class { id: 21, name: "Register monitor", attributes: &["thresholds", "monitored_value", "actions"], methods: &[] },
    Class {
        id: 22,
        name: "Single action schedule",
        attributes: &["executed_script", "type", "execution_time"],
        methods: &[],
    },
    Class {
        id: 23,
        name: "IEC HDLC setup",
        attributes: &[
            "comm_speed",
            "window_size_transmit",
            "window_size_receive",
            "max_info_field_length_transmit",
            "max_info_field_length_receive",
            "inter_octet_time_out",
            "inactivity_time_out",
            "device_address",
        ],
        methods: &[],
    },
    Class {
        id: 40,
        name: "Push setup",
        attributes: &[
            "push_object_list",
            "send_destination_and_method",
            "communication_window",
            "randomisation_start_interval",
            "number_of_retries",
            "repetition_delay",
            "port_reference",
            "push_client_SAP",
            "push_protection_parameters",
            "push_operation_method",
            "confirmation_parameters",
            "last_confirmation_date_time",
        ],
        methods: &["push", "reset"],
    },
    Class {
        id: 41,
        name: "TCP-UDP setup",
        attributes: &["TCP-UDP_port", "IP_reference", "MSS", "nb_of_sim_conn", "inactivity_time_out"],
        methods: &[],
    },
    Class {
        id: 64,
        name: "Security setup",
        attributes: &[
            "security_policy",
            "security_suite",
            "client_system_title",
            "server_system_title",
            "certificates",
        ],
        methods: &[
            "security_activate",
            "key_transfer",
            "key_agreement",
            "generate_key_pair",
            "generate_certificate_request",
            "import_certificate",
            "export_certificate",
            "remove_certificate",
        ],
    },
    Class {
        id: 70,
        name: "Disconnect control",
        attributes: &["output_state", "control_state", "control_mode"],
        methods: &["remote_disconnect", "remote_reconnect"],
    },
    Class {
        id: 71,
        name: "Limiter",
        attributes: &[
            "monitored_value",
            "threshold_active",
            "threshold_normal",
            "threshold_emergency",
            "min_over_threshold_duration",
            "min_under_threshold_duration",
            "emergency_profile",
            "emergency_profile_group_id_list",
            "emergency_profile_active",
            "actions",
        ],
        methods: &[],
    },
    Class {
        id: 72,
        name: "M-Bus client",
        attributes: &[
            "mbus_port_reference",
            "capture_definition",
            "capture_period",
            "primary_address",
            "identification_number",
            "manufacturer_id",
            "version",
            "device_type",
            "access_number",
            "status",
            "alarm",
            "configuration",
            "encryption_key_status",
        ],
        methods: &[
            "slave_install",
            "slave_deinstall",
            "capture",
            "reset_alarm",
            "synchronize_clock",
            "data_send",
            "set_encryption_key",
            "transfer_key",
        ],
    },
    Class {
        id: 111,
        name: "Account",
        attributes: &[
            "account_mode_and_status",
            "current_credit_in_use",
            "current_credit_status",
            "available_credit",
            "amount_to_clear",
            "clearance_threshold",
            "aggregated_debt",
            "credit_reference_list",
            "charge_reference_list",
            "credit_charge_configuration",
            "token_gateway_configuration",
            "account_activation_time",
            "account_closure_time",
            "currency",
            "low_credit_threshold",
            "next_credit_available_threshold",
            "max_provision",
            "max_provision_period",
        ],
        methods: &["activate_account", "close_account", "reset_account"],
    },
    Class {
        id: 112,
        name: "Credit",
        attributes: &[
            "current_credit_amount",
            "credit_type",
            "priority",
            "warning_threshold",
            "limit",
            "credit_configuration",
            "credit_status",
            "preset_credit_amount",
            "credit_available_threshold",
            "period",
        ],
        methods: &["update_amount", "set_amount_to_value", "invoke_credit"],
    },
    Class {
        id: 113,
        name: "Charge",
        attributes: &[
            "total_amount_paid",
            "charge_type",
            "priority",
            "unit_charge_active",
            "unit_charge_passive",
            "unit_charge_activation_time",
            "period",
            "charge_configuration",
            "last_collection_time",
            "last_collection_amount",
            "total_amount_remaining",
            "proportion",
        ],
        methods: &[
            "update_unit_charge",
            "activate_passive_unit_charge",
            "collect",
            "update_total_amount_remaining",
            "set_total_amount_remaining",
        ],
    },
    Class {
        id: 115,
        name: "Token gateway",
        attributes: &["token", "token_time", "token_description", "token_delivery_method", "token_status"],
        methods: &["enter"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_number_and_their_parts_by_theirs() {
        assert!(CLASSES.is_sorted_by_key(|class| class.id));
        let relay = Class::of(70).unwrap();
        assert_eq!((relay.attribute(2), relay.method(1)), (Some("output_state"), Some("remote_disconnect")));
        assert_eq!((relay.attribute(1), relay.attribute(5), relay.method(0)), (Some("logical_name"), None, None));
        assert_eq!((relay.attribute(-1), relay.method(-1)), (None, None));
        assert_eq!(Class::of(2), None);
    }
}
